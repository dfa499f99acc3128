import AxeBuilder from '@axe-core/playwright';
import { expect, type IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { runWithKeys } from '../seed';
import { PATIENCE, picturePath, test } from './support';

test.setTimeout(2 * PATIENCE);

/** Rows in which the label, first, says whether two features sum to more than one. */
const DATA = Array.from({ length: 100 }, (_, row) => {
  const [a, b] = [(row % 10) / 10, Math.floor(row / 10) / 10];
  return `${a + b > 1 ? 1 : 0},${a},${b}`;
}).join('\n');

/** Open the form as a user does, from the launcher. */
async function openForm(page: IJupyterLabPageFixture): Promise<Locator> {
  await page.launcher.waitFor();
  await page
    .locator('.jp-LauncherCard')
    .filter({ hasText: 'Create Training Job' })
    .click();
  const form = page.getByRole('form', { name: 'Create a training job' });
  await expect(form.getByLabel('Job name')).not.toHaveValue('');
  return form;
}

function remove(name: string): void {
  runWithKeys(
    `import boto3; boto3.client("sagemaker").delete_training_job(TrainingJobName="${name}")`
  );
}

test('makes a job with data that is uploaded in the picker', async ({
  page
}) => {
  const form = await openForm(page);
  await form.getByRole('button', { name: 'Choose Location in S3' }).click();
  const picker = page.getByRole('dialog');
  await picker.getByRole('button', { name: /^sagemaker-/ }).click();
  const chooser = page.waitForEvent('filechooser');
  await picker.getByRole('button', { name: 'Upload files…' }).click();
  await (
    await chooser
  ).setFiles({
    name: 'corners.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(DATA)
  });
  await picker.getByRole('button', { name: 'corners.csv' }).click();
  await expect(picker.getByRole('region', { name: /^Preview/ })).toContainText(
    '0.9'
  );
  await picker.getByRole('button', { name: 'Choose', exact: true }).click();
  await expect(form.getByRole('textbox', { name: 'Location in S3' })).toHaveValue(
    /^s3:\/\/.*\/corners\.csv$/
  );
  await form.getByLabel('Content type').fill('text/csv');
  await form
    .getByRole('button', { name: 'Create training job', exact: true })
    .click();
  const rounds = form.getByRole('textbox', { name: 'num_round' });
  await expect(rounds).toBeFocused();
  await expect(rounds).toHaveAccessibleDescription(/must not be null/);
  await rounds.fill('5');
  await form.getByLabel('New hyperparameter').fill('eta');
  await page.keyboard.press('Enter');
  await form.getByRole('textbox', { name: 'eta', exact: true }).fill('0.5');
  const type = form.getByLabel('Instance type');
  await type.selectOption('ml.p3.2xlarge');
  const name = await form.getByLabel('Job name').inputValue();
  await form
    .getByRole('button', { name: 'Create training job', exact: true })
    .click();
  await expect(type).toHaveAccessibleDescription(
    /ml\.p3\.2xlarge needs 1 GPU, and this machine has none/
  );
  await expect(type).toBeFocused();
  await type.selectOption('ml.m5.large');
  await expect(form.getByRole('complementary')).toContainText(
    '"eta": "0.5"'
  );
  await form
    .getByRole('button', { name: 'Create training job', exact: true })
    .click();
  await expect(page.getByRole('heading', { name })).toBeVisible();
  await expect(page.getByRole('tabpanel', { name })).toContainText(
    'Completed',
    { timeout: PATIENCE }
  );
  remove(name);
});

test('makes a job with the keyboard alone, over a reload', async ({ page }) => {
  const form = await openForm(page);
  const saved = page.waitForResponse(
    response =>
      response.request().method() === 'PUT' &&
      (response.request().postData() ?? '').includes('by-keyboard')
  );
  await form.getByLabel('Job name').focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('by-keyboard');
  await saved;
  await page.reload({ waitForIsReady: false });
  await expect(form.getByLabel('Job name')).toHaveValue('by-keyboard', {
    timeout: PATIENCE
  });
  await form.getByRole('textbox', { name: 'Location in S3' }).focus();
  await page.keyboard.type('s3://no-such-bucket/nothing/');
  await form.getByRole('textbox', { name: 'num_round' }).focus();
  await page.keyboard.type('1');
  await page.keyboard.press('Enter');
  await expect(
    page.getByRole('heading', { name: 'by-keyboard' })
  ).toBeVisible();
  const panel = page.getByRole('tabpanel', { name: 'by-keyboard' });
  await expect(panel).toContainText('Failed', { timeout: PATIENCE });
  await panel.getByRole('button', { name: 'Clone and edit' }).focus();
  await page.keyboard.press('Enter');
  await expect(form.getByLabel('Job name')).toHaveValue('by-keyboard-copy');
  await expect(form.getByRole('textbox', { name: 'Location in S3' })).toHaveValue(
    's3://no-such-bucket/nothing/'
  );
  remove('by-keyboard');
});

for (const theme of ['JupyterLab Light', 'JupyterLab Dark']) {
  test(`is accessible in ${theme}`, async ({ page }, testInfo) => {
    await page.theme.setTheme(theme);
    const form = await openForm(page);
    await form
      .getByRole('button', { name: 'Create training job', exact: true })
      .click();
    await expect(page.getByText('The job was not created.')).toBeVisible();
    const look = async (what: string) => {
      const found = await new AxeBuilder({ page })
        .include('.jp-MLStudio-form')
        .analyze();
      expect(found.violations).toEqual([]);
      const mode = theme.endsWith('Dark') ? 'dark' : 'light';
      const path = picturePath(`${what}-${mode}.png`, name =>
        testInfo.outputPath(name)
      );
      await page.screenshot({ path });
    };
    await form.getByLabel('Job name').focus();
    await look('create');
  });
}
