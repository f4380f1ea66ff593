import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Tests run in plain Node; one that needs a document starts with `// @vitest-environment jsdom`.
export default defineConfig({
  plugins: [react()],
  test: {
    include: ['app/**/*.test.{ts,tsx}', 'packages/**/*.test.{ts,tsx}'],
    environment: 'node',
    passWithNoTests: true,
    maxWorkers: 2,
  },
});
