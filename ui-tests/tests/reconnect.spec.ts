import { expect, type Page, test } from '@playwright/test';

import { Server } from '../server';
import { PATIENCE } from './support';

const GOOD = 'first-training-job';
const BAD = 'job-without-labels';

/** A server as JupyterHub runs them: below a path, which needs to be quoted. */
const server = new Server('/a/b%20c/');

test.setTimeout(2 * PATIENCE);
test.beforeAll(() => server.start());
test.afterAll(() => server.kill());

async function openSidebar(page: Page) {
  await page.goto(`${server.url}lab?reset`);
  await page
    .getByRole('tab', { name: 'Machine learning studio' })
    .click({ timeout: PATIENCE });
  return page.getByRole('region', { name: 'Machine learning studio' });
}

test('below a base URL, offline and without its server, it finds its way back', async ({
  context,
  page
}) => {
  const sidebar = await openSidebar(page);
  const banner = sidebar.getByRole('alert');
  const job = sidebar
    .getByRole('list', { name: 'Training jobs' })
    .getByRole('button', { name: GOOD });
  await expect(job).toBeVisible();

  await context.setOffline(true);
  await expect(banner).toContainText('This browser is offline');
  await expect(page.getByText('Studio away')).toBeVisible();
  await expect(job).toBeVisible();
  await context.setOffline(false);
  await expect(banner).toHaveCount(0);

  await sidebar.getByRole('button', { name: BAD }).click();
  await expect(page.getByRole('heading', { name: BAD })).toBeVisible();
  await server.kill();
  await job.click();
  const panel = page.getByRole('tabpanel', { name: GOOD });
  await expect(panel).toContainText('The Jupyter server does not answer');
  await expect(banner).toHaveCount(1);
  await expect(
    sidebar.getByRole('button', { name: 'Start the studio' })
  ).toHaveCount(0);
  await server.start();
  await expect(panel.getByRole('heading', { name: GOOD })).toBeVisible({
    timeout: 30_000
  });
  await expect(banner).toHaveCount(0);
  await expect(panel.getByRole('alert')).toHaveCount(0);
  await expect(page.getByText('Studio away')).toHaveCount(0);
});
