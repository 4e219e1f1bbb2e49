import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // thousands of small worlds in one process: most of what they leave behind is dead when the young generation is full
    execArgv: ['--max-semi-space-size=64'],
    env: {
      // the SDK tells every process of Node 20 that newer ones exist
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      // of esbuild: it ends before its garbage is worth collecting
      GOGC: '800',
    },
  },
});
