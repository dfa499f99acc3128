import { Button } from '@jupyterlab/ui-components';
import type { DescribeTrainingJobResponse } from '@aws-sdk/client-sagemaker';
import React from 'react';

import type { IMetricSeries, ITrainingJobDetails } from '../../api/types';
import { MetricCharts } from '../../charts/metrics';
import { formatNumber } from '../../components/numbers';
import { Remote } from '../../components/states';
import { StatusLabel, statusWord } from '../../components/status';
import { duration, RelativeTime } from '../../components/time';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { IRemoteModel } from '../../tokens';
import { Facts, Section } from './facts';
import { LogTails } from './logs';

/** One training job: what it is, how it went, what it said. */
export function TrainingJobDetails(props: {
  model: IRemoteModel<ITrainingJobDetails>;
  metrics: IRemoteModel<readonly IMetricSeries[]>;
  onStart: () => Promise<void>;
  onStop: () => void;
  onClone: () => void;
  onCopy: (kind: 'boto3' | 'cli') => void;
}): JSX.Element {
  useRemote(props.model);
  return (
    <Remote model={props.model} onStart={props.onStart}>
      {({ job, logs }) => (
        <>
          <Overview {...props} job={job} />
          <Metrics model={props.metrics} onStart={props.onStart} />
          <FinalMetrics job={job} />
          <History job={job} />
          <Hyperparameters job={job} />
          <LogTails logs={logs} />
        </>
      )}
    </Remote>
  );
}

interface IJobProps {
  job: DescribeTrainingJobResponse;
}

function Overview(
  props: IJobProps & {
    onStop: () => void;
    onClone: () => void;
    onCopy: (kind: 'boto3' | 'cli') => void;
  }
): JSX.Element {
  const trans = useTrans();
  const { job } = props;
  const resources = job.ResourceConfig;
  return (
    <>
      <header className="jp-MLStudio-detailsHeader">
        <h1>{job.TrainingJobName}</h1>
        <span role="status">
          <StatusLabel
            status={job.TrainingJobStatus}
            detail={job.SecondaryStatus}
          />
        </span>
        {job.TrainingJobStatus === 'InProgress' && (
          <Button small onClick={props.onStop}>
            {trans.__('Stop')}
          </Button>
        )}
        <Button small minimal onClick={props.onClone}>
          {trans.__('Clone and edit')}
        </Button>
        <Button small minimal onClick={() => props.onCopy('boto3')}>
          {trans.__('Copy as boto3')}
        </Button>
        <Button small minimal onClick={() => props.onCopy('cli')}>
          {trans.__('Copy as AWS CLI')}
        </Button>
      </header>
      {job.FailureReason && (
        <p className="jp-MLStudio-failureText" role="alert">
          {job.FailureReason}
        </p>
      )}
      <Facts
        facts={[
          [
            trans.__('Created'),
            job.CreationTime && <RelativeTime date={job.CreationTime} />
          ],
          [
            trans.__('Started'),
            job.TrainingStartTime && (
              <RelativeTime date={job.TrainingStartTime} />
            )
          ],
          [
            trans.__('Ended'),
            job.TrainingEndTime && <RelativeTime date={job.TrainingEndTime} />
          ],
          [
            trans.__('Training time'),
            job.TrainingStartTime &&
              duration(job.TrainingStartTime, job.TrainingEndTime ?? new Date())
          ],
          [
            trans.__('Instances'),
            resources &&
              `${resources.InstanceCount ?? 1} × ${resources.InstanceType}`
          ],
          [trans.__('Image'), job.AlgorithmSpecification?.TrainingImage],
          [trans.__('Model'), job.ModelArtifacts?.S3ModelArtifacts],
          [trans.__('ARN'), job.TrainingJobArn]
        ]}
      />
    </>
  );
}

function Metrics(props: {
  model: IRemoteModel<readonly IMetricSeries[]>;
  onStart: () => Promise<void>;
}): JSX.Element | null {
  const trans = useTrans();
  const { model } = props;
  useRemote(model);
  if (model.value?.length === 0 && !model.error) {
    return null;
  }
  return (
    <Section title={trans.__('Metrics')}>
      <Remote model={model} onStart={props.onStart}>
        {series => <MetricCharts series={series} />}
      </Remote>
    </Section>
  );
}

function FinalMetrics(props: IJobProps): JSX.Element | null {
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

function History(props: IJobProps): JSX.Element | null {
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

function Hyperparameters(props: IJobProps): JSX.Element | null {
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
