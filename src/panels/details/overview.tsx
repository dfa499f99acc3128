import type { DescribeTrainingJobResponse } from '@aws-sdk/client-sagemaker';
import { Button } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { ITrainingJobDetails } from '../../api/types';
import { StatusLabel } from '../../components/status';
import { AbsoluteTime, duration, RelativeTime } from '../../components/time';
import { useTrans } from '../../components/translation';
import type { SnippetKind } from '../../model/snippets';
import { Facts } from './facts';

export interface IOverviewProps {
  details: ITrainingJobDetails;
  onStop: () => void;
  onClone: () => void;
  onCopy: (kind: SnippetKind) => void;
}

/** What a training job is, how it stands and what can be done with it. */
export function Overview(props: IOverviewProps): JSX.Element {
  const trans = useTrans();
  const { details } = props;
  const { job } = details;
  const resources = job.ResourceConfig;
  return (
    <>
      <Heading {...props} />
      {job.FailureReason && (
        <p className="jp-MLStudio-failureText" role="alert">
          {job.FailureReason}
        </p>
      )}
      <Facts
        facts={[
          [trans.__('Waits for'), waitsFor(details, trans)],
          [trans.__('Created'), job.CreationTime && when(job.CreationTime)],
          [
            trans.__('Started'),
            job.TrainingStartTime && when(job.TrainingStartTime)
          ],
          [trans.__('Ended'), job.TrainingEndTime && when(job.TrainingEndTime)],
          [
            trans.__('Training time'),
            job.TrainingStartTime &&
              duration(job.TrainingStartTime, job.TrainingEndTime ?? new Date())
          ],
          [trans.__('Expected end'), expectedEnd(details, trans)],
          [
            trans.__('Instances'),
            resources &&
              `${resources.InstanceCount ?? 1} × ${resources.InstanceType}`
          ],
          [trans.__('Image'), job.AlgorithmSpecification?.TrainingImage],
          [trans.__('Role'), job.RoleArn],
          [trans.__('ARN'), job.TrainingJobArn]
        ]}
      />
    </>
  );
}

function Heading(props: IOverviewProps): JSX.Element {
  const trans = useTrans();
  const { job } = props.details;
  const snippets: [SnippetKind, string][] = [
    ['sdk', trans.__('Copy as SageMaker SDK')],
    ['boto3', trans.__('Copy as boto3')],
    ['cli', trans.__('Copy as AWS CLI')]
  ];
  return (
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
      {snippets.map(([kind, label]) => (
        <Button key={kind} small minimal onClick={() => props.onCopy(kind)}>
          {label}
        </Button>
      ))}
    </header>
  );
}

/** A time, both as people remember it and as it is written down. */
function when(date: Date): JSX.Element {
  return (
    <>
      <RelativeTime date={date} /> (<AbsoluteTime date={date} />)
    </>
  );
}

/** Why a job does not train yet, and its place in the queue; nothing once it does. */
export function waitsFor(
  details: ITrainingJobDetails,
  trans: TranslationBundle
): string | undefined {
  const { job, waiting } = details;
  if (!waiting) {
    return undefined;
  }
  const place = trans.__(
    'place %1 of %2 in the queue',
    waiting.position,
    waiting.count
  );
  const why = reasonOf(job);
  return why ? `${why}: ${place}` : place;
}

function reasonOf(job: DescribeTrainingJobResponse): string | undefined {
  const transitions = job.SecondaryStatusTransitions ?? [];
  return transitions[transitions.length - 1]?.StatusMessage;
}

/** When a job that runs will probably have ended, by the last runs of its kind. */
function expectedEnd(
  { expected, job }: ITrainingJobDetails,
  trans: TranslationBundle
): React.ReactNode {
  const start = job.TrainingStartTime;
  if (
    expected === undefined ||
    !start ||
    job.TrainingJobStatus !== 'InProgress'
  ) {
    return undefined;
  }
  const end = new Date(start.getTime() + expected * 1000);
  return end < new Date() ? (
    trans.__('takes longer than the %1 of earlier runs', duration(start, end))
  ) : (
    <RelativeTime date={end} />
  );
}
