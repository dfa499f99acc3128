import {
  checkIcon,
  circleEmptyIcon,
  errorIcon,
  historyIcon,
  type LabIcon,
  runningIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { useTrans } from './translation';

/** What a status means for the one who reads it. */
export type Tone = 'active' | 'failure' | 'stopped' | 'success' | 'waiting';

const TONES: Record<string, Tone> = {
  Completed: 'success',
  Creating: 'waiting',
  Deleting: 'waiting',
  Failed: 'failure',
  InProgress: 'active',
  InService: 'success',
  OutOfService: 'stopped',
  RollingBack: 'waiting',
  Stopped: 'stopped',
  Stopping: 'waiting',
  SystemUpdating: 'waiting',
  UpdateRollbackFailed: 'failure',
  Updating: 'waiting'
};

const ICONS: Record<Tone, LabIcon> = {
  active: runningIcon,
  failure: errorIcon,
  stopped: stopIcon,
  success: checkIcon,
  waiting: historyIcon
};

/** A status, as an icon and a word. */
export function StatusLabel(props: {
  status: string | undefined;
  /** A closer word for what goes on, e.g. the secondary status of a job. */
  detail?: string | undefined;
}): JSX.Element {
  const trans = useTrans();
  const tone = props.status ? TONES[props.status] : undefined;
  const icon = tone ? ICONS[tone] : circleEmptyIcon;
  const word = tone === 'active' ? props.detail : props.status;
  return (
    <span className={`jp-MLStudio-status jp-mod-${tone ?? 'unknown'}`}>
      <icon.react tag="span" className="jp-MLStudio-statusIcon" aria-hidden />
      {statusWord(word ?? props.status, trans)}
    </span>
  );
}

/** The word of a status in the user's language; one we do not know stays as AWS writes it. */
export function statusWord(
  status: string | undefined,
  trans: TranslationBundle
): string {
  const words: Record<string, string> = {
    Completed: trans.__('Completed'),
    Creating: trans.__('Creating'),
    Deleting: trans.__('Deleting'),
    Downloading: trans.__('Downloading'),
    DownloadingTrainingImage: trans.__('Downloading image'),
    Failed: trans.__('Failed'),
    InProgress: trans.__('In progress'),
    InService: trans.__('In service'),
    Interrupted: trans.__('Interrupted'),
    LaunchingMLInstances: trans.__('Launching'),
    MaxRuntimeExceeded: trans.__('Time limit exceeded'),
    MaxWaitTimeExceeded: trans.__('Waited too long'),
    OutOfService: trans.__('Out of service'),
    Pending: trans.__('Pending'),
    PreparingTrainingStack: trans.__('Preparing'),
    Restarting: trans.__('Restarting'),
    RollingBack: trans.__('Rolling back'),
    Starting: trans.__('Starting'),
    Stopped: trans.__('Stopped'),
    Stopping: trans.__('Stopping'),
    SystemUpdating: trans.__('System update'),
    Training: trans.__('Training'),
    UpdateRollbackFailed: trans.__('Rollback failed'),
    Updating: trans.__('Updating'),
    Uploading: trans.__('Uploading')
  };
  return status ? (words[status] ?? status) : trans.__('Unknown');
}
