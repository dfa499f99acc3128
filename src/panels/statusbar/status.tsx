import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { IRunning, IStudioStatus } from '../../api/types';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import { mlstudioIcon } from '../../icons';
import type { IConnection, IRemoteModel } from '../../tokens';

const GIB = 2 ** 30;

/** How many jobs run, and what they have of the machine; a button that opens their table. */
export function StudioStatus(props: {
  running: IRemoteModel<IRunning>;
  connection: IConnection;
  onOpen: () => void;
}): JSX.Element | null {
  const trans = useTrans();
  useRemote(props.running);
  useRemote(props.connection);
  const { value } = props.running;
  const away = props.connection.reach !== 'studio';
  if (value === null && !away) {
    return null;
  }
  const [text, title] =
    value === null || away
      ? [trans.__('Studio away'), props.connection.error?.message ?? '']
      : [summary(value, trans), explanation(value, trans)];
  return (
    <button type="button" title={title} onClick={props.onOpen}>
      <mlstudioIcon.react tag="span" aria-hidden />
      {text}
    </button>
  );
}

function summary(running: IRunning, trans: TranslationBundle): string {
  const { studio, trainingJobs } = running;
  const waiting = studio.WaitingCount;
  return [
    trans._n('%1 job', '%1 jobs', trainingJobs.length),
    ...(waiting > 0 ? [trans._n('%1 waits', '%1 wait', waiting)] : []),
    ...shares(studio, trans)
  ].join(' · ');
}

function explanation(running: IRunning, trans: TranslationBundle): string {
  const { studio, trainingJobs, endpoints } = running;
  return [
    trans._n(
      '%1 training job in progress',
      '%1 training jobs in progress',
      trainingJobs.length
    ),
    trans._n(
      '%1 endpoint in service',
      '%1 endpoints in service',
      endpoints.length
    ),
    trans.__(
      'Jobs have reserved of this machine: %1',
      shares(studio, trans).join(', ')
    )
  ].join('\n');
}

/** What jobs have of each thing the machine has. */
function shares(studio: IStudioStatus, trans: TranslationBundle): string[] {
  const { Capacity: all, Reserved: taken } = studio;
  const share = (part: number, whole: number) =>
    `${formatted(part)}/${formatted(whole)}`;
  return [
    trans.__('CPU %1', share(taken.Cpus, all.Cpus)),
    trans.__(
      '%1 GiB',
      share(taken.MemoryInBytes / GIB, all.MemoryInBytes / GIB)
    ),
    ...(all.Gpus > 0 ? [trans.__('GPU %1', share(taken.Gpus, all.Gpus))] : [])
  ];
}

function formatted(value: number): string {
  const locale = document.documentElement.lang || undefined;
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(
    value
  );
}
