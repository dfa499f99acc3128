import React from 'react';

import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { IStudioStatus } from '../../api/types';
import type { IRemoteModel } from '../../tokens';

/** The engine that runs jobs as plain processes. */
const PROCESS = 'process';

/** What the studio runs on, said openly where jobs are not in containers. */
export function StudioHeader(props: {
  status: IRemoteModel<IStudioStatus>;
}): JSX.Element | null {
  const trans = useTrans();
  useRemote(props.status);
  const { value, state } = props.status;
  if (value === null || state !== 'ready') {
    return null;
  }
  const onProcesses = value.EngineName === PROCESS;
  return (
    <div className="jp-MLStudio-header" title={value.Notes.join('\n')}>
      <span
        className={`jp-MLStudio-badge${onProcesses ? ' jp-mod-warning' : ''}`}
      >
        {onProcesses
          ? trans.__('process compute')
          : trans.__('%1 compute', value.EngineName)}
      </span>
    </div>
  );
}
