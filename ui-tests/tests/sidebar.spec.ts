import AxeBuilder from '@axe-core/playwright';
import { expect, type IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { seed } from '../seed';
import { PATIENCE, picturePath, test } from './support';

const GOOD = 'first-training-job';
const BAD = 'job-without-labels';
const ENDPOINT = 'first-endpoint';

test.setTimeout(2 * PATIENCE);

/** Open the sidebar as a user does. */
async function openSidebar(page: IJupyterLabPageFixture): Promise<Locator> {
  const sidebar = page.getByRole('region', { name: 'Machine learning studio' });
  if (!(await sidebar.isVisible())) {
    await page.getByRole('tab', { name: 'Machine learning studio' }).click();
  }
  await expect(sidebar).toBeVisible();
  return sidebar;
}

function row(sidebar: Locator, list: string, name: string): Locator {
  return sidebar
    .getByRole('list', { name: list })
    .getByRole('listitem')
    .filter({ hasText: name });
}

test('lists training jobs with what became of them', async ({ page }) => {
  const sidebar = await openSidebar(page);
  const good = row(sidebar, 'Training jobs', GOOD);
  await expect(good).toContainText('Completed');
  await expect(good).toContainText('ml.m5.large');
  await expect(good).toContainText(/auc [01](\.\d+)?/);
  await expect(good.locator('time')).toHaveAttribute('title', /\d{4}/);
  const bad = row(sidebar, 'Training jobs', BAD);
  await expect(bad).toContainText('Failed');
  await expect(bad).toContainText('AlgorithmError');
});

test('lists endpoints with their instances', async ({ page }) => {
  const sidebar = await openSidebar(page);
  const endpoint = row(sidebar, 'Endpoints', ENDPOINT);
  await expect(endpoint).toContainText('In service');
  await expect(endpoint).toContainText('1/1');
});

test('says what the studio runs on', async ({ page }) => {
  const sidebar = await openSidebar(page);
  await expect(sidebar).toContainText(/(process|docker) compute/);
});

test('opens a job with its history and its log', async ({ page }) => {
  const layoutSaved = page.waitForResponse(
    response =>
      response.request().method() === 'PUT' &&
      response.url().includes('api/workspaces') &&
      (response.request().postData() ?? '').includes(GOOD)
  );
  const sidebar = await openSidebar(page);
  await row(sidebar, 'Training jobs', GOOD)
    .getByRole('button', { name: GOOD })
    .click();
  const panel = page.getByRole('tabpanel', { name: GOOD });
  await expect(panel.getByRole('heading', { name: GOOD })).toBeVisible();
  const history = panel.getByRole('region', { name: 'Status history' });
  await expect(history.getByRole('row')).not.toHaveCount(1);
  await expect(panel.getByRole('region', { name: 'Log' })).toContainText(
    'train-auc'
  );
  const chart = panel.getByRole('figure', { name: 'auc' });
  await expect(chart.locator('canvas')).toBeVisible();
  await chart.getByText('As a table').click();
  await expect(chart.getByRole('row', { name: /^train:auc/ })).toContainText(
    /[01](\.\d+)?/
  );
  await layoutSaved;
  await page.reload({ waitForIsReady: false });
  await expect(panel.getByRole('heading', { name: GOOD })).toBeVisible({
    timeout: PATIENCE
  });
});

test('works with the keyboard alone', async ({ page }) => {
  const sidebar = await openSidebar(page);
  const good = row(sidebar, 'Training jobs', GOOD);
  await expect(good).toBeVisible();
  await good.getByRole('button', { name: GOOD }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: GOOD })).toBeVisible();
});

test('asks before it deletes, and gives the focus back', async ({ page }) => {
  const sidebar = await openSidebar(page);
  const remove = sidebar.getByRole('button', {
    name: `Delete endpoint ${ENDPOINT}`
  });
  await remove.click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText(ENDPOINT);
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(remove).toBeFocused();
  await expect(row(sidebar, 'Endpoints', ENDPOINT)).toContainText('In service');
});

test('has no accessibility problems of its own', async ({ page }) => {
  const sidebar = await openSidebar(page);
  await expect(row(sidebar, 'Training jobs', GOOD)).toBeVisible();
  const found = await new AxeBuilder({ page })
    .include('.jp-MLStudio-panel')
    .analyze();
  expect(found.violations).toEqual([]);
});

test('says that the studio is away, keeps what it showed, and comes back', async ({
  page
}) => {
  const sidebar = await openSidebar(page);
  const good = row(sidebar, 'Training jobs', GOOD);
  await expect(good).toBeVisible();
  seed('stop');
  const alert = sidebar.getByRole('alert').first();
  await expect(alert).toContainText('The studio is not connected', {
    timeout: 30_000
  });
  await expect(good).toBeVisible();
  await alert.getByRole('button', { name: 'Start the studio' }).click();
  await expect(sidebar.getByRole('alert')).toHaveCount(0, { timeout: 60_000 });
  await expect(row(sidebar, 'Endpoints', ENDPOINT)).toContainText('In service');
});

for (const theme of ['JupyterLab Light', 'JupyterLab Dark']) {
  test(`is readable in ${theme}`, async ({ page }, testInfo) => {
    await page.theme.setTheme(theme);
    const sidebar = await openSidebar(page);
    await row(sidebar, 'Training jobs', GOOD)
      .getByRole('button', { name: GOOD })
      .click();
    await expect(page.getByRole('region', { name: 'Log' })).toContainText(
      'train-auc'
    );
    const contrast = await new AxeBuilder({ page })
      .include('.jp-MLStudio-panel')
      .withRules(['color-contrast'])
      .analyze();
    expect(contrast.violations).toEqual([]);
    const picture = `sidebar-${theme.endsWith('Dark') ? 'dark' : 'light'}.png`;
    const path = picturePath(picture, name => testInfo.outputPath(name));
    await page.screenshot({ path });
  });
}
