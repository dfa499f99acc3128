import AxeBuilder from '@axe-core/playwright';
import { expect, type IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { runWithKeys } from '../seed';
import { PATIENCE, picturePath, test } from './support';

const JOB = 'first-training-job';
const RUNS = ['compare-slow', 'compare-fast', 'compare-wild'];

/** Three runs of a user's own code, which learns at different rates. */
const MAKE = `
import boto3, math
from datetime import datetime, timedelta, timezone
start = datetime(2026, 1, 1, tzinfo=timezone.utc)
sagemaker, metrics = boto3.client("sagemaker"), boto3.client("sagemaker-metrics")
for name, rate in zip(${JSON.stringify(RUNS)}, (0.02, 0.1, 0.4)):
    sagemaker.create_trial_component(
        TrialComponentName=name, DisplayName=name, StartTime=start,
        EndTime=start + timedelta(minutes=rate * 100),
        Status={"PrimaryStatus": "Completed"},
        Parameters={"eta": {"NumberValue": rate}, "seed": {"NumberValue": 7},
                    "optimizer": {"StringValue": "adam" if rate < 0.2 else "sgd"}})
    points = [(metric, step, value) for step in range(60) for metric, value in (
        ("validation:loss", math.exp(-rate * step) + rate * math.sin(step) ** 2),
        ("validation:auc", 1 - 0.5 * math.exp(-rate * step) - 0.2 * rate))]
    for first in range(0, len(points), 10):
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=[
            {"MetricName": metric, "Step": step, "Value": value,
             "Timestamp": start + timedelta(seconds=step)}
            for metric, step, value in points[first:first + 10]])
`;

const FORGET = `
import boto3
for name in ${JSON.stringify(RUNS)}:
    boto3.client("sagemaker").delete_trial_component(TrialComponentName=name)
`;

test.setTimeout(2 * PATIENCE);
test.beforeAll(() => runWithKeys(MAKE));
test.afterAll(() => runWithKeys(FORGET));

/** Open the comparison of all runs from the launcher. */
async function openComparison(page: IJupyterLabPageFixture): Promise<Locator> {
  await page.launcher.waitFor();
  await page
    .locator('.jp-LauncherCard')
    .filter({ hasText: 'Compare Runs' })
    .click();
  await page.sidebar.close('left');
  const panel = page.getByRole('tabpanel', { name: 'Comparison' });
  await expect(panel.getByRole('row', { name: 'compare-fast' })).toBeVisible();
  return panel;
}

/** Choose from the menu that a button opens. */
async function choose(
  page: IJupyterLabPageFixture,
  button: Locator,
  item: string
): Promise<void> {
  await button.click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

test('compares jobs that were selected in their table', async ({ page }) => {
  await page.launcher.waitFor();
  await page
    .locator('.jp-LauncherCard')
    .filter({ hasText: 'Training Jobs' })
    .click();
  const jobs = page.getByRole('tabpanel', { name: 'Training jobs' });
  await jobs.getByRole('checkbox', { name: `Select ${JOB}` }).check();
  await jobs
    .getByRole('checkbox', { name: 'Select job-without-labels' })
    .check();
  await jobs.getByRole('button', { name: 'Compare' }).click();
  const panel = page.getByRole('tabpanel', { name: 'Comparison' });
  await expect(panel.getByText('2 runs')).toBeVisible();
  await expect(panel.getByRole('row', { name: JOB })).toContainText('Completed');
  await expect(
    panel.getByRole('figure', { name: 'train:auc' })
  ).toBeVisible();
  await panel.getByRole('button', { name: `Open ${JOB}`, exact: true }).click();
  await expect(page.getByRole('heading', { name: JOB })).toBeVisible();
});

test('filters, groups, measures against a baseline, and restores it all', async ({
  page
}) => {
  const panel = await openComparison(page);
  await panel.getByRole('searchbox', { name: 'Filter runs' }).fill('eta<0.2');
  await expect(panel.getByText('2 runs')).toBeVisible();
  await panel.getByRole('searchbox', { name: 'Filter runs' }).fill('compare');
  await expect(panel.getByText('3 runs')).toBeVisible();
  await choose(
    page,
    panel.getByRole('button', { name: 'What to do with compare-slow' }),
    'Make It the Baseline'
  );
  const fast = panel.getByRole('row', { name: 'compare-fast' });
  await expect(fast.getByTitle('Better than the baseline').first()).toBeVisible();
  const seed = panel.getByRole('columnheader', { name: 'seed' });
  await panel.getByText('Columns', { exact: true }).first().click();
  await panel.getByRole('searchbox', { name: 'Find columns' }).fill('seed');
  await panel.getByRole('checkbox', { name: 'seed' }).check();
  await page.keyboard.press('Escape');
  await expect(seed).toBeVisible();
  const saved = page.waitForResponse(
    response =>
      response.request().method() === 'PUT' &&
      response.url().includes('api/workspaces') &&
      (response.request().postData() ?? '').includes('p:optimizer')
  );
  await panel
    .getByRole('combobox', { name: 'Group by' })
    .selectOption('p:optimizer');
  await expect(
    panel.getByRole('button', { name: 'optimizer = adam 2 runs' })
  ).toBeVisible();
  await saved;
  await page.reload({ waitForIsReady: false });
  await expect(
    panel.getByRole('button', { name: 'optimizer = adam 2 runs' })
  ).toBeVisible({ timeout: PATIENCE });
  await expect(seed).toBeVisible();
  await expect(panel.getByText('Baseline')).toBeVisible();
});

test('is walked by keyboard, and keeps a note with the run', async ({
  page
}) => {
  const panel = await openComparison(page);
  const menu = panel.getByRole('button', {
    name: 'What to do with compare-wild'
  });
  await menu.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menu')).toBeVisible();
  await page.keyboard.press('n');
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').fill('too wild, isn’t it?');
  await page.keyboard.press('Enter');
  await expect(panel.getByText('too wild, isn’t it?')).toBeVisible();
  const draw = panel.getByRole('checkbox', { name: 'Draw compare-wild' });
  await draw.focus();
  await page.keyboard.press('Space');
  await expect(draw).not.toBeChecked();
  const chart = panel.getByRole('group', { name: /^Lines of validation:auc/ });
  await chart.focus();
  await page.keyboard.press('+');
  await expect(panel.getByRole('button', { name: 'Show all' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(panel.getByRole('button', { name: 'Show all' })).toHaveCount(0);
});

test('opens what a link holds', async ({ context, page }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const panel = await openComparison(page);
  await panel.getByRole('searchbox', { name: 'Filter runs' }).fill('compare');
  await expect(panel.getByText('3 runs')).toBeVisible();
  await choose(
    page,
    panel.getByRole('button', { name: 'More' }),
    'Copy Link to Comparison'
  );
  const link = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(link).toContain('mlstudio-view=');
  await page.activity.closeAll();
  await page.goto(await link(), { waitForIsReady: false });
  await expect(panel.getByText('3 runs')).toBeVisible({ timeout: PATIENCE });
  expect(page.url()).not.toContain('mlstudio-view');
});

for (const theme of ['JupyterLab Light', 'JupyterLab Dark']) {
  test(`has no accessibility problems in ${theme}`, async ({
    page
  }, testInfo) => {
    await page.theme.setTheme(theme);
    const panel = await openComparison(page);
    await panel.getByRole('searchbox', { name: 'Filter runs' }).fill('compare');
    await expect(panel.getByText('3 runs')).toBeVisible();
    await choose(
      page,
      panel.getByRole('button', { name: 'What to do with compare-slow' }),
      'Make It the Baseline'
    );
    await expect(
      panel.getByRole('figure', { name: 'validation:auc' })
    ).toBeVisible();
    const found = await new AxeBuilder({ page })
      .include('.jp-MLStudio-compare')
      .analyze();
    expect(found.violations).toEqual([]);
    const picture = `compare-${theme.endsWith('Dark') ? 'dark' : 'light'}.png`;
    const path = picturePath(picture, name => testInfo.outputPath(name));
    await page.screenshot({ path });
  });
}
