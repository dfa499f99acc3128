import type { DescribeTrainingJobResponse } from '@aws-sdk/client-sagemaker';

import type { IStudioClient } from '../api/client';
import type { IMetricSeries } from '../api/types';

const NAMESPACE = '/aws/sagemaker/TrainingJobs';

/** Points of a chart, about. */
const POINTS = 300;

/** Periods in seconds that CloudWatch keeps or makes of those it keeps. */
const PERIODS = [10, 30, 60, 300, 3600, 86_400];

interface IMetric {
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
}

interface IResult {
  Id: string;
  Timestamps: string[];
  Values: number[];
}

/** What the hosts of a training job use of the machine, as series `algo-1:CPUUtilization`. */
export async function usageOf(
  client: IStudioClient,
  job: DescribeTrainingJobResponse
): Promise<IMetricSeries[]> {
  const start = job.TrainingStartTime ?? job.CreationTime;
  if (!start) {
    return [];
  }
  const end = job.TrainingEndTime ?? new Date();
  const metrics = await metricsOf(client, job);
  if (metrics.length === 0) {
    return [];
  }
  const seconds = (end.getTime() - start.getTime()) / 1000;
  const period =
    PERIODS.find(each => seconds / each <= POINTS) ??
    (PERIODS.at(-1) as number);
  const answer = await client.call<{ MetricDataResults: IResult[] }>(
    'cloudwatch',
    'GetMetricData',
    {
      // Points are of whole periods.
      StartTime: new Date(start.getTime() - period * 1000).toISOString(),
      EndTime: new Date(end.getTime() + period * 1000).toISOString(),
      ScanBy: 'TimestampAscending',
      MetricDataQueries: metrics.map((metric, index) => ({
        Id: `m${index}`,
        MetricStat: {
          Metric: { Namespace: NAMESPACE, ...metric },
          Period: period,
          Stat: 'Average'
        }
      }))
    }
  );
  return answer.MetricDataResults.map(result => {
    const metric = metrics[Number(result.Id.slice(1))] as IMetric;
    const times = result.Timestamps.map(time => Date.parse(time) / 1000);
    return {
      MetricName: `${hostOf(metric)}:${metric.MetricName}`,
      Steps: times.map((_, index) => index),
      Times: times,
      Values: result.Values
    };
  });
}

/** The metrics there are of the hosts of a job. */
async function metricsOf(
  client: IStudioClient,
  job: DescribeTrainingJobResponse
): Promise<IMetric[]> {
  const count = job.ResourceConfig?.InstanceCount ?? 1;
  const groups = job.ResourceConfig?.InstanceGroups ?? [];
  const hosts = groups.reduce(
    (sum, group) => sum + (group.InstanceCount ?? 0),
    0
  );
  const answers = await Promise.all(
    Array.from({ length: Math.min(hosts || count, 16) }, (_, index) =>
      client.call<{ Metrics: IMetric[] }>('cloudwatch', 'ListMetrics', {
        Namespace: NAMESPACE,
        Dimensions: [
          { Name: 'Host', Value: `${job.TrainingJobName}/algo-${index + 1}` }
        ]
      })
    )
  );
  return answers
    .flatMap(answer => answer.Metrics ?? [])
    .map(({ Dimensions, MetricName }) => ({ MetricName, Dimensions }))
    .sort((a, b) => a.MetricName.localeCompare(b.MetricName));
}

function hostOf(metric: IMetric): string {
  const host =
    metric.Dimensions.find(each => each.Name === 'Host')?.Value ?? '';
  return host.split('/').pop() ?? host;
}
