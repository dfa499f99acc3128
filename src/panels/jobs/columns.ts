import type { TranslationBundle } from '@jupyterlab/translation';

import type { TrainingJobRecord } from '../../api/types';

/** A column of the table of training jobs. */
export interface IColumn {
  /** What `Search` calls the property it shows, and sorts by. */
  id: string;
  title: string;
  /** Whether it holds numbers, which are aligned by their ends. */
  number?: boolean;
  /** Width in pixels. */
  width: number;
  /** Whether it is there until the user hides it. */
  shown: boolean;
}

const METRIC = 'Metrics.';
const HYPERPARAMETER = 'HyperParameters.';

/** How many metrics are shown before the user chooses. */
const FIRST_METRICS = 2;

/** The columns of jobs: those of all, then the metrics and hyperparameters that some have. */
export function columnsOf(
  jobs: readonly TrainingJobRecord[],
  trans: TranslationBundle
): IColumn[] {
  return [
    ...commonColumns(trans),
    ...namesIn(jobs, job =>
      (job.FinalMetricDataList ?? []).map(metric => metric.MetricName ?? '')
    ).map((name, index) => ({
      id: METRIC + name,
      title: name,
      number: true,
      width: 120,
      shown: index < FIRST_METRICS
    })),
    ...namesIn(jobs, job => Object.keys(job.HyperParameters ?? {})).map(
      name => ({
        id: HYPERPARAMETER + name,
        title: name,
        number: true,
        width: 120,
        shown: false
      })
    )
  ];
}

function commonColumns(trans: TranslationBundle): IColumn[] {
  return [
    { id: 'TrainingJobName', title: trans.__('Name'), width: 220, shown: true },
    {
      id: 'TrainingJobStatus',
      title: trans.__('Status'),
      width: 150,
      shown: true
    },
    { id: 'CreationTime', title: trans.__('Created'), width: 120, shown: true },
    {
      id: 'TrainingTimeInSeconds',
      title: trans.__('Duration'),
      number: true,
      width: 90,
      shown: true
    },
    {
      id: 'ResourceConfig.InstanceType',
      title: trans.__('Instances'),
      width: 150,
      shown: true
    },
    {
      id: 'AlgorithmSpecification.TrainingImage',
      title: trans.__('Image'),
      width: 300,
      shown: false
    },
    {
      id: 'FailureReason',
      title: trans.__('Reason of failure'),
      width: 300,
      shown: false
    }
  ];
}

/** The value of a metric or hyperparameter column in a job. */
export function valueOf(
  job: TrainingJobRecord,
  id: string
): number | string | undefined {
  if (id.startsWith(METRIC)) {
    const name = id.slice(METRIC.length);
    return job.FinalMetricDataList?.find(each => each.MetricName === name)
      ?.Value;
  }
  return job.HyperParameters?.[id.slice(HYPERPARAMETER.length)];
}

function namesIn(
  jobs: readonly TrainingJobRecord[],
  namesOf: (job: TrainingJobRecord) => readonly string[]
): string[] {
  return [...new Set(jobs.flatMap(namesOf))].sort((a, b) => a.localeCompare(b));
}
