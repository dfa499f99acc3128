import AxeBuilder from '@axe-core/playwright';
import { expect, type IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator, Page } from '@playwright/test';

import { runWithKeys } from '../seed';
import { PATIENCE, test } from './support';

const GOOD = 'first-training-job';
const LONG = 'long-training-job';
const ENDPOINT = 'first-endpoint';

/** A job like the good one that goes on until it is stopped. */
const START = `
import boto3
sagemaker = boto3.client("sagemaker")
job = sagemaker.describe_training_job(TrainingJobName="${GOOD}")
sagemaker.create_training_job(
    TrainingJobName="${LONG}",
    AlgorithmSpecification={
        "TrainingImage": job["AlgorithmSpecification"]["TrainingImage"],
        "TrainingInputMode": "File",
    },
    HyperParameters={**job["HyperParameters"], "num_round": "100000000"},
    **{
        name: job[name]
        for name in (
            "RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition"
        )
    },
)
`;

const CLEAN_UP = `
import boto3
sagemaker = boto3.client("sagemaker")
try:
    sagemaker.stop_training_job(TrainingJobName="${LONG}")
except sagemaker.exceptions.ClientError:
    pass  # it has been stopped
sagemaker.get_waiter("training_job_completed_or_stopped").wait(
    TrainingJobName="${LONG}", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
)
sagemaker.delete_training_job(TrainingJobName="${LONG}")
`;

test.setTimeout(2 * PATIENCE);

function row(page: Page | IJupyterLabPageFixture, name: string): Locator {
  return page
    .getByRole('region', { name: 'Machine learning studio' })
    .getByRole('listitem')
    .filter({ hasText: name });
}

/** Another browser that looks at the same studio. */
async function openElsewhere(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page
    .getByRole('tab', { name: 'Machine learning studio' })
    .click({ timeout: PATIENCE });
}

test('a job runs in the status bar, among the running sessions, and in a second browser', async ({
  baseURL,
  browser,
  page
}) => {
  const elsewhere = await browser.newPage();
  await openElsewhere(elsewhere, `${baseURL}/lab/workspaces/elsewhere?reset`);
  await expect(row(elsewhere, GOOD)).toBeVisible();
  const item = page.locator('.jp-MLStudio-statusItem').getByRole('button');
  await expect(item).toContainText('0 jobs');
  runWithKeys(START);
  try {
    await expect(item).toContainText('1 job ·');
    await expect(row(elsewhere, LONG)).toContainText('Training');

    await page.getByRole('tab', { name: /^Running/ }).click();
    const running = page.locator('#jp-running-sessions');
    const entry = (name: string) => running.locator(`[data-context="${name}"]`);
    await expect(entry(ENDPOINT)).toBeVisible();
    await entry(LONG).getByText(LONG).click();
    await expect(page.getByRole('heading', { name: LONG })).toBeVisible();
    const found = await new AxeBuilder({ page })
      .include('.jp-MLStudio-statusItem')
      .analyze();
    expect(found.violations).toEqual([]);

    await running.getByText('Stop All').click();
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText('One training job is stopped');
    await dialog.getByRole('button', { name: 'Stop All' }).click();
    await expect(row(elsewhere, LONG)).toContainText('Stopped');
    await expect(entry(LONG)).toHaveCount(0);
    await item.click();
    await expect(
      page.getByRole('row', { name: new RegExp(LONG) })
    ).toContainText('Stopped');
  } finally {
    runWithKeys(CLEAN_UP);
  }
  await elsewhere.close();
});
