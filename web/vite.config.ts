import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// ECharts always brings its Chinese locale and its dark theme; the page has neither.
const without = [
  { find: /^.*\/i18n\/langZH\.js$/, replacement: 'echarts/lib/i18n/langEN.js' },
  { find: /^.*\/theme\/dark\.js$/, replacement: new URL('./src/no-theme.ts', import.meta.url).pathname },
];

export default defineConfig({
  plugins: [react()],
  resolve: { alias: without },
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
        assetFileNames: (asset) => (asset.names.includes('later.css') ? 'later.css' : 'planner[extname]'),
      },
    },
  },
});
