/**
 * Browser tests against a real JupyterLab and a real studio.
 *
 * MLSTUDIO_ROOT: root of the studio; by default a new one, which seed.py fills and stops.
 * MLSTUDIO_TEST_COMPUTE: docker, process or auto; process by default.
 * MLSTUDIO_SCREENSHOTS=1: also write the pictures of docs/images.
 */
const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const baseConfig = require('@jupyterlab/galata/lib/playwright-config');

// Workers read this file again, in an environment that has these already.
process.env.MLSTUDIO_ROOT ??= mkdtempSync(join(tmpdir(), 'mlstudio-ui-'));
process.env.MLSTUDIO_TEST_PORT ??= '8899';
process.env.TARGET_URL = `http://127.0.0.1:${process.env.MLSTUDIO_TEST_PORT}`;

module.exports = {
  ...baseConfig,
  globalSetup: require.resolve('./global-setup.ts'),
  globalTeardown: require.resolve('./global-teardown.ts'),
  reporter: [['list']],
  // One studio: a test that stops it would be in the way of the others.
  workers: 1,
  // Galata waits 15 s for JupyterLab to start, which a busy machine may not manage.
  retries: 1,
  use: {
    ...baseConfig.use,
    baseURL: process.env.TARGET_URL,
    launchOptions: {
      executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
      args: ['--no-sandbox']
    },
    // Recording needs an ffmpeg that Playwright would have to download.
    video: 'off'
  },
  webServer: {
    command: 'jlpm start',
    url: `${process.env.TARGET_URL}/lab`,
    timeout: 120_000,
    reuseExistingServer: false
  }
};
