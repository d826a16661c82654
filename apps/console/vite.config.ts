/**
 * Builds the console to `dist/`, which the server hands out at `/`. Workspace packages resolve to their sources, so nothing has to be
 * built before. The base is relative: the console works at the root of a host and below a path of a proxy alike.
 */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  plugins: [react()],
  resolve: { conditions: ['trunkline-source', 'module', 'browser', 'development|production'] },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            { name: 'mantine', test: /node_modules[\\/](@mantine|@floating-ui)[\\/]/ },
          ],
        },
      },
    },
  },
  server: { proxy: { '/console': 'http://127.0.0.1:8000', '/connection': { target: 'http://127.0.0.1:8000', ws: true } } },
});
