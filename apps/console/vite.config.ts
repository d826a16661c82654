/**
 * Builds the console to `dist/`, which the server hands out at `/`. Workspace packages resolve to their sources, so nothing has to be
 * built before. The base is relative: the console works at the root of a host and below a path of a proxy alike.
 */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `npx vite` serves the sources with the parts of the wire and the door of a running server behind them. */
const SERVER = process.env['TRUNKLINE_URL'] ?? 'http://127.0.0.1:8000';
const behind = {
  target: SERVER,
  changeOrigin: true,
  // The server answers pages of its own origin only, and what it is asked here is asked by this one.
  headers: { origin: SERVER },
};

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
          groups: [{ name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ }],
        },
      },
    },
  },
  server: {
    proxy: { '/console': behind, '/connection': { ...behind, ws: true } },
  },
});
