import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: '../src/gigaplan/app/static',
    emptyOutDir: true,
    target: 'es2022',
    minify: 'terser',
    terserOptions: { ecma: 2020, module: true, compress: { passes: 3, ecma: 2020 } },
    chunkSizeWarningLimit: 800,
    rollupOptions: {
      output: {
        // Names without hashes: a rebuild changes bytes, not names.
        entryFileNames: 'planner.js',
        chunkFileNames: '[name].js',
        assetFileNames: 'planner[extname]',
      },
    },
  },
});
