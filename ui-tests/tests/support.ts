import { test as galata } from '@jupyterlab/galata';

/** How long JupyterLab may take to open, in milliseconds; machines of CI are slow. */
export const PATIENCE = 90_000;

/** Where pictures for the documentation go. */
const IMAGES = '../docs/images';

/** Galata's test, with patience for JupyterLab, and our sidebar in it. */
export const test = galata.extend({
  // Galata's own gives up after 15 seconds.
  // eslint-disable-next-line no-empty-pattern -- Playwright wants a pattern here
  waitForApplication: async ({}, use) => {
    await use(async page => {
      await page
        .locator('#jupyterlab-splash')
        .waitFor({ state: 'detached', timeout: PATIENCE });
      await page
        .getByRole('tab', { name: 'Machine learning studio' })
        .waitFor({ timeout: PATIENCE });
    });
  }
});

/** Where to put a picture: with MLSTUDIO_SCREENSHOTS=1 it becomes that of the documentation. */
export function picturePath(
  name: string,
  outputPath: (name: string) => string
): string {
  return process.env.MLSTUDIO_SCREENSHOTS === '1'
    ? `${IMAGES}/${name}`
    : outputPath(name);
}
