/**
 * Builds the console to `dist/`, which the server hands out at `/`. Workspace packages resolve to their sources, so nothing has to be
 * built before. The base is relative: the console works at the root of a host and below a path of a proxy alike.
 */
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** `npx vite --mode pretend`: the console in front of a server that exists in the page only (`dev/`). */
const pretend: Plugin = {
  name: 'pretend',
  apply: 'serve',
  transformIndexHtml: () => [
    { tag: 'script', attrs: { type: 'module', src: '/dev/pretend.ts' }, injectTo: 'head' },
  ],
};

export default defineConfig(({ mode }) => ({
  base: './',
  plugins: [react(), ...(mode === 'pretend' ? [pretend] : [])],
  resolve: { conditions: ['trunkline-source', 'module', 'browser', 'development|production'] },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
          ],
        },
      },
    },
  },
  server: {
    proxy:
      mode === 'pretend'
        ? {}
        : {
            '/console': 'http://127.0.0.1:8000',
            '/connection': { target: 'http://127.0.0.1:8000', ws: true },
          },
  },
}));
