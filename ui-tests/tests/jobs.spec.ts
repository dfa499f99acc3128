import AxeBuilder from '@axe-core/playwright';
import { expect, type IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { runWithKeys } from '../seed';
import { PATIENCE, picturePath, test } from './support';

const GOOD = 'first-training-job';
const BAD = 'job-without-labels';

test.setTimeout(2 * PATIENCE);

/** Open the table as a user does, from the launcher. */
async function openTable(page: IJupyterLabPageFixture): Promise<Locator> {
  await page.launcher.waitFor();
  await page
    .locator('.jp-LauncherCard')
    .filter({ hasText: 'Training Jobs' })
    .click();
  const panel = page.getByRole('tabpanel', { name: 'Training jobs' });
  await expect(panel.getByRole('row', { name: GOOD })).toBeVisible();
  return panel;
}

test('finds, sorts and opens training jobs', async ({ page }) => {
  const panel = await openTable(page);
  await expect(panel.getByRole('row')).toHaveCount(3);
  await panel.getByRole('searchbox').fill('labels');
  await expect(panel.getByRole('row')).toHaveCount(2);
  await expect(panel.getByRole('row', { name: BAD })).toContainText('Failed');
  await panel.getByRole('searchbox').fill('');
  const status = panel.getByRole('combobox', { name: 'Status' });
  await status.selectOption('Completed');
  await expect(panel.getByRole('row')).toHaveCount(2);
  await status.selectOption('');
  const name = panel.getByRole('columnheader', { name: 'Name' });
  await name.getByRole('button').click();
  await expect(name).toHaveAttribute('aria-sort', 'descending');
  await expect(panel.getByRole('row').nth(1)).toContainText(BAD);
  await panel
    .getByRole('button', { name: `Open training job ${GOOD}` })
    .click();
  await expect(page.getByRole('heading', { name: GOOD })).toBeVisible();
});

test('copies code that makes the same job', async ({ context, page }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const panel = await openTable(page);
  await panel
    .getByRole('button', { name: `Open training job ${GOOD}` })
    .click();
  await page.getByRole('button', { name: 'Copy as boto3' }).click();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(copied).toContain('create_training_job');
  runWithKeys(await copied());
  await page.getByRole('tab', { name: 'Training jobs' }).click();
  await expect(
    panel.getByRole('row', { name: `${GOOD}-copy` })
  ).toContainText('Completed', { timeout: PATIENCE });
  runWithKeys(
    `import boto3; boto3.client("sagemaker").delete_training_job(TrainingJobName="${GOOD}-copy")`
  );
  await expect(panel.getByRole('row', { name: `${GOOD}-copy` })).toHaveCount(0);
});

test('shows the columns that were chosen, also after a reload', async ({
  page
}) => {
  const panel = await openTable(page);
  const header = panel.getByRole('columnheader', { name: 'num_round' });
  await expect(header).toHaveCount(0);
  await panel.getByText('Columns', { exact: true }).first().click();
  const saved = page.waitForResponse(
    response =>
      response.request().method() === 'PUT' &&
      response.url().includes('api/workspaces') &&
      (response.request().postData() ?? '').includes('num_round')
  );
  await panel.getByRole('checkbox', { name: 'num_round' }).check();
  await expect(header).toBeVisible();
  await expect(panel.getByRole('row', { name: GOOD })).toContainText('20');
  await saved;
  await page.reload({ waitForIsReady: false });
  await expect(header).toBeVisible({ timeout: PATIENCE });
});

for (const theme of ['JupyterLab Light', 'JupyterLab Dark']) {
  test(`has no accessibility problems in ${theme}`, async ({
    page
  }, testInfo) => {
    await page.theme.setTheme(theme);
    const panel = await openTable(page);
    await panel.getByRole('checkbox', { name: `Select ${GOOD}` }).check();
    const found = await new AxeBuilder({ page })
      .include('.jp-MLStudio-jobs')
      .analyze();
    expect(found.violations).toEqual([]);
    const picture = `jobs-${theme.endsWith('Dark') ? 'dark' : 'light'}.png`;
    const path = picturePath(picture, name => testInfo.outputPath(name));
    await page.screenshot({ path });
  });
}
