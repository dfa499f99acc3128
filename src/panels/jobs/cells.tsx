import React from 'react';

import type { TrainingJobRecord } from '../../api/types';
import { formatNumber } from '../../components/numbers';
import { StatusLabel } from '../../components/status';
import { duration, RelativeTime } from '../../components/time';
import { useTrans } from '../../components/translation';
import { valueOf } from './columns';

/** What one column shows of one job. */
export function Cell(props: {
  job: TrainingJobRecord;
  column: string;
  onOpen: (name: string) => void;
}): JSX.Element | null {
  const trans = useTrans();
  const { job, column } = props;
  const name = job.TrainingJobName ?? '';
  switch (column) {
    case 'TrainingJobName':
      return (
        <button
          className="jp-MLStudio-link"
          title={name}
          aria-label={trans.__('Open training job %1', name)}
          onClick={() => props.onOpen(name)}
        >
          {name}
        </button>
      );
    case 'TrainingJobStatus':
      return (
        <StatusLabel
          status={job.TrainingJobStatus}
          detail={job.SecondaryStatus}
        />
      );
    case 'CreationTime':
      return job.CreationTime ? <RelativeTime date={job.CreationTime} /> : null;
    case 'TrainingTimeInSeconds':
      return job.TrainingStartTime ? (
        <>
          {duration(job.TrainingStartTime, job.TrainingEndTime ?? new Date())}
        </>
      ) : null;
    case 'ResourceConfig.InstanceType':
      return (
        <>
          {job.ResourceConfig?.InstanceCount ?? 1} ×{' '}
          {job.ResourceConfig?.InstanceType ?? '–'}
        </>
      );
    case 'AlgorithmSpecification.TrainingImage':
      return <Text text={job.AlgorithmSpecification?.TrainingImage} />;
    case 'FailureReason':
      return <Text text={job.FailureReason} />;
    default:
      return <Value value={valueOf(job, column)} />;
  }
}

/** Text that may be cut off; all of it is there on hover. */
function Text(props: { text: string | undefined }): JSX.Element {
  return <span title={props.text}>{props.text}</span>;
}

function Value(props: { value: number | string | undefined }): JSX.Element {
  const { value } = props;
  return (
    <span title={value === undefined ? undefined : String(value)}>
      {typeof value === 'number' ? formatNumber(value) : value}
    </span>
  );
}
