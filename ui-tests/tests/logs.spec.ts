import AxeBuilder from '@axe-core/playwright';
import { expect, type IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import { runWithKeys } from '../seed';
import { PATIENCE, picturePath, test } from './support';

/** One for each try: the logs of jobs outlive them. */
const JOB = `job-that-talks-${process.pid}`;

/** Lines that the job prints before it goes on slowly. */
const FIRST_LINES = 3000;

/** What the job runs: many lines, colours, progress, an error, then a line now and then. */
const SCRIPT = `
import sys, time, traceback
for step in range(${FIRST_LINES}):
    print(f"\\x1b[32mstep\\x1b[0m {step} loss={1 / (step + 1):.6f}")
print("\\r".join(f"{share:3d}%|{'#' * (share // 5)}" for share in range(0, 101, 5)))
print("WARNING:root:the learning rate is high")
try:
    {}["label"]
except KeyError:
    traceback.print_exc(file=sys.stdout)
print("long " + "x" * 5000 + " end")
for step in range(10_000):
    print(f"late {step}", flush=True)
    time.sleep(0.5)
`;

/** Start the job, on a studio that may have it already. */
const START = `
import io, tarfile, boto3
sts, s3, sagemaker = (boto3.client(name) for name in ("sts", "s3", "sagemaker"))
if not sagemaker.list_training_jobs(NameContains="${JOB}")["TrainingJobSummaries"]:
    like = sagemaker.describe_training_job(TrainingJobName="first-training-job")
    bucket = like["OutputDataConfig"]["S3OutputPath"].split("/")[2]
    code, script = io.BytesIO(), ${JSON.stringify(SCRIPT)}.encode()
    with tarfile.open(fileobj=code, mode="w:gz") as archive:
        member = tarfile.TarInfo("talk.py")
        member.size = len(script)
        archive.addfile(member, io.BytesIO(script))
    s3.put_object(Bucket=bucket, Key="code/talk.tar.gz", Body=code.getvalue())
    sagemaker.create_training_job(
        TrainingJobName="${JOB}",
        AlgorithmSpecification={
            "TrainingImage": like["AlgorithmSpecification"]["TrainingImage"],
            "TrainingInputMode": "File",
        },
        HyperParameters={
            "sagemaker_program": '"talk.py"',
            "sagemaker_submit_directory": f'"s3://{bucket}/code/talk.tar.gz"',
        },
        RoleArn=like["RoleArn"],
        OutputDataConfig=like["OutputDataConfig"],
        ResourceConfig=like["ResourceConfig"],
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
`;

const REMOVE = `
import boto3
sagemaker = boto3.client("sagemaker")
sagemaker.stop_training_job(TrainingJobName="${JOB}")
sagemaker.get_waiter("training_job_completed_or_stopped").wait(
    TrainingJobName="${JOB}", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
)
sagemaker.delete_training_job(TrainingJobName="${JOB}")
`;

test.setTimeout(2 * PATIENCE);

test.beforeAll(() => runWithKeys(START));
test.afterAll(() => runWithKeys(REMOVE));

/** Open the log from the panel of its job. */
async function openLog(page: IJupyterLabPageFixture): Promise<Locator> {
  await page.launcher.waitFor();
  await page.evaluate(
    name =>
      window.jupyterapp.commands.execute('mlstudio:open-training-job', {
        name
      }),
    JOB
  );
  await page.getByRole('button', { name: 'Open the log' }).click();
  const panel = page.getByRole('tabpanel', { name: `Log of ${JOB}` });
  await expect(panel.getByText(/^late \d+$/).first()).toBeVisible({
    timeout: PATIENCE
  });
  return panel;
}

test('follows, searches, jumps, links and reloads', async ({
  context,
  page
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const panel = await openLog(page);
  const log = panel.getByRole('log');
  const copied = () => page.evaluate(() => navigator.clipboard.readText());

  // The end is followed until the user scrolls up; then new lines are counted.
  const last = log.getByText(/^late \d+$/).last();
  const before = await last.innerText();
  await expect(last).not.toHaveText(before);
  await log.hover();
  await page.mouse.wheel(0, -2000);
  await expect(panel.getByRole('button', { name: /new line/ })).toBeVisible();
  await panel.getByRole('button', { name: /new line/ }).click();
  await expect(last).toBeInViewport();
  const bottom = async (locator: Locator) => {
    const box = await locator.boundingBox();
    return box ? box.y + box.height : NaN;
  };
  await expect
    .poll(async () => (await bottom(log)) - (await bottom(last)))
    .toBeLessThan(40);

  // Keys: the first error, what a terminal shows of progress, the start.
  await log.focus();
  await page.keyboard.press('Shift+E');
  await expect(
    log.getByText('Traceback (most recent call last):')
  ).toBeInViewport();
  await expect(log.getByText(/^100%/)).toBeVisible();
  await expect(log.getByText(/^ *0%/)).toHaveCount(0);

  // Search by an expression on the server, far from what is loaded.
  await page.keyboard.press('/');
  await panel.getByRole('button', { name: 'Regular expression' }).click();
  await panel.getByRole('searchbox').fill('^.*step 17[0-9] ');
  await expect(panel.getByRole('search')).toContainText('10 matches');
  await panel.getByRole('searchbox').press('Enter');
  await expect(panel.getByRole('search')).toContainText(/\d+ of 10/);
  await expect(log.getByText(/^step 17\d loss/).first()).toBeInViewport();

  // A link to a line opens its log, also in a page that was not open.
  await log.locator('[aria-current]').getByRole('link').click();
  await expect.poll(copied).toContain('mlstudio-log=');
  await page.goto(await copied());
  await expect(log).toBeVisible({ timeout: PATIENCE });
});

test('copies what is selected, also rows that are not drawn', async ({
  context,
  page
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const panel = await openLog(page);
  const log = panel.getByRole('log');
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await log.focus();
  await page.keyboard.press('Home');
  const text = (row: number) =>
    log.locator(`[data-row="${row}"] .jp-MLStudio-logText`);
  await expect(text(2)).toHaveText(/./);
  const first = await text(2).innerText();
  const start = await text(2).boundingBox();
  await page.mouse.click((start?.x ?? 0) + 1, (start?.y ?? 0) + 8);
  for (let turn = 0; turn < 10; turn++) {
    await page.mouse.wheel(0, 2000);
  }
  const seen = log.locator('[data-row]').filter({ hasText: /step \d+ loss/ });
  await expect(seen.first()).toBeVisible();
  await expect(text(2)).not.toBeInViewport();
  const row = Number(await seen.nth(20).getAttribute('data-row'));
  const last = await text(row).innerText();
  const end = await text(row).boundingBox();
  await page.keyboard.down('Shift');
  await page.mouse.click(
    (end?.x ?? 0) + (end?.width ?? 0) - 1,
    (end?.y ?? 0) + 8
  );
  await page.keyboard.up('Shift');
  await page.keyboard.press('ControlOrMeta+C');
  await expect.poll(copied).toContain(last.slice(0, -1));
  const lines = (await copied()).split('\n');
  expect(lines).toHaveLength(row - 2 + 1);
  expect(lines[0]).toBe(first);
});

for (const theme of ['JupyterLab Light', 'JupyterLab Dark']) {
  test(`has no accessibility problems in ${theme}`, async ({
    page
  }, testInfo) => {
    await page.theme.setTheme(theme);
    const panel = await openLog(page);
    await panel.getByRole('log').focus();
    await page.keyboard.press('Shift+E');
    await expect(panel.getByText('KeyError')).toBeVisible();
    const found = await new AxeBuilder({ page })
      .include('.jp-MLStudio-logPanel')
      .analyze();
    expect(found.violations).toEqual([]);
    const picture = `logs-${theme.endsWith('Dark') ? 'dark' : 'light'}.png`;
    const path = picturePath(picture, name => testInfo.outputPath(name));
    await page.screenshot({ path });
  });
}
