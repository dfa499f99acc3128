import { stopIcon } from '@jupyterlab/ui-components';
import React from 'react';

import type { TrainingJob } from '../../api/types';
import { formatNumber } from '../../components/numbers';
import { StatusLabel } from '../../components/status';
import { RelativeTime } from '../../components/time';
import { useTrans } from '../../components/translation';
import type { IListModel } from '../../tokens';
import { ResourceList } from './list';
import { Row } from './row';

/** The Python that an empty list suggests. */
export const EXAMPLE = `import boto3
sagemaker = boto3.client("sagemaker")
sagemaker.create_training_job(TrainingJobName="first", ...)`;

export interface ITrainingJobListProps {
  model: IListModel<TrainingJob>;
  onOpen: (name: string) => void;
  onStop: (name: string) => void;
  onStart: () => Promise<void>;
}

export function TrainingJobList(props: ITrainingJobListProps): JSX.Element {
  const trans = useTrans();
  return (
    <ResourceList
      model={props.model}
      label={trans.__('Training jobs')}
      hint={trans.__(
        'Training jobs appear here, live, however they were started: from a notebook, the SageMaker SDK or the AWS CLI.'
      )}
      example={EXAMPLE}
      onStart={props.onStart}
    >
      {job => <TrainingJobRow key={job.TrainingJobArn} job={job} {...props} />}
    </ResourceList>
  );
}

function TrainingJobRow(
  props: ITrainingJobListProps & { job: TrainingJob }
): JSX.Element {
  const trans = useTrans();
  const { job } = props;
  const name = job.TrainingJobName ?? '';
  const when = job.TrainingEndTime ?? job.CreationTime;
  const metrics = job.FinalMetricDataList ?? [];
  const metric =
    metrics.find(each => each.MetricName?.startsWith('validation:')) ??
    metrics[0];
  return (
    <Row
      name={name}
      status={
        <StatusLabel
          status={job.TrainingJobStatus}
          detail={job.SecondaryStatus}
        />
      }
      facts={[
        when && <RelativeTime key="time" date={when} />,
        job.ResourceConfig?.InstanceType,
        metric && `${metric.MetricName} ${formatNumber(metric.Value)}`
      ].filter(Boolean)}
      failure={job.FailureReason}
      onOpen={() => props.onOpen(name)}
      action={
        job.TrainingJobStatus === 'InProgress'
          ? {
              icon: stopIcon,
              label: trans.__('Stop training job %1', name),
              run: () => props.onStop(name)
            }
          : undefined
      }
    />
  );
}
