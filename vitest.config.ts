import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests fork the compiled worker and start the compiled server: dist/ must be today's source.
    globalSetup: ['test/support/build.ts'],
    // ONNX Runtime reports usage to its maker unless this is set before its library loads.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    pool: 'forks',
    maxWorkers: 2,
    // A shared machine may stall for seconds; a test that fails twice in a row is broken.
    retry: process.env.CI === undefined ? 0 : 1,
    testTimeout: 30_000,
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 60_000,
  },
});
