import type { DescribeTrainingJobResponse } from '@aws-sdk/client-sagemaker';
import React from 'react';

import { formatNumber } from '../../components/numbers';
import { statusWord } from '../../components/status';
import { duration, RelativeTime } from '../../components/time';
import { useTrans } from '../../components/translation';
import { Facts, Section } from './facts';

interface IJobProps {
  job: DescribeTrainingJobResponse;
}

/** The last value of each metric. */
export function FinalMetrics(props: IJobProps): JSX.Element | null {
  const trans = useTrans();
  const metrics = props.job.FinalMetricDataList ?? [];
  if (metrics.length === 0) {
    return null;
  }
  return (
    <Section title={trans.__('Final metrics')}>
      <table className="jp-MLStudio-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Metric')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Value')}
            </th>
          </tr>
        </thead>
        <tbody>
          {metrics.map(metric => (
            <tr key={metric.MetricName}>
              <th scope="row">{metric.MetricName}</th>
              <td className="jp-mod-number" title={String(metric.Value)}>
                {formatNumber(metric.Value)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

/** What a job went through, and how long each took. */
export function History(props: IJobProps): JSX.Element | null {
  const trans = useTrans();
  const transitions = props.job.SecondaryStatusTransitions ?? [];
  if (transitions.length === 0) {
    return null;
  }
  return (
    <Section title={trans.__('Status history')}>
      <table className="jp-MLStudio-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Status')}</th>
            <th scope="col">{trans.__('Since')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Took')}
            </th>
            <th scope="col">{trans.__('Message')}</th>
          </tr>
        </thead>
        <tbody>
          {transitions.map((transition, index) => (
            <tr key={index}>
              <th scope="row">{statusWord(transition.Status, trans)}</th>
              <td>
                {transition.StartTime && (
                  <RelativeTime date={transition.StartTime} />
                )}
              </td>
              <td className="jp-mod-number">
                {transition.StartTime &&
                  transition.EndTime &&
                  duration(transition.StartTime, transition.EndTime)}
              </td>
              <td>{transition.StatusMessage}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

/** What a job was told to learn with. */
export function Hyperparameters(props: IJobProps): JSX.Element | null {
  const trans = useTrans();
  const parameters = Object.entries(props.job.HyperParameters ?? {});
  if (parameters.length === 0) {
    return null;
  }
  return (
    <Section title={trans.__('Hyperparameters')}>
      <Facts facts={parameters.sort(([a], [b]) => a.localeCompare(b))} />
    </Section>
  );
}
