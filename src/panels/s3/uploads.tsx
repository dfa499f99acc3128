import { Button } from '@jupyterlab/ui-components';
import React from 'react';

import { formatBytes } from '../../components/bytes';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import { isOpen, type IUpload, type UploadQueue } from '../../model/uploads';

/** The most uploads that are shown one by one. */
const SHOWN = 50;

/** Files on their way to S3. */
export function Uploads(props: { queue: UploadQueue }): JSX.Element | null {
  const trans = useTrans();
  const { queue } = props;
  useRemote(queue);
  const { uploads } = queue;
  if (uploads.length === 0) {
    return null;
  }
  const open = uploads.filter(isOpen).length;
  const failed = uploads.filter(({ state }) => state === 'failed').length;
  const ended = uploads.length - open;
  const summary = trans.__('%1 of %2 ended', ended, uploads.length);
  // Those that need a look come first.
  const order = [...uploads].sort((a, b) => rank(a) - rank(b));
  return (
    <section className="jp-MLStudio-uploads" aria-label={trans.__('Uploads')}>
      <header>
        <strong>{trans.__('Uploads')}</strong>
        <span role="status">
          {failed > 0 ? trans.__('%1, %2 failed', summary, failed) : summary}
        </span>
        <Button
          small
          minimal
          disabled={ended === 0}
          onClick={() => queue.clear()}
        >
          {trans.__('Clear')}
        </Button>
      </header>
      <ul>
        {order.slice(0, SHOWN).map(upload => (
          <Upload key={upload.id} upload={upload} queue={queue} />
        ))}
      </ul>
    </section>
  );
}

function rank({ state }: IUpload): number {
  return ['failed', 'sending', 'waiting', 'cancelled', 'done'].indexOf(state);
}

function Upload(props: { upload: IUpload; queue: UploadQueue }): JSX.Element {
  const trans = useTrans();
  const { name, problem, sent, size, state } = props.upload;
  const words = {
    cancelled: trans.__('Cancelled'),
    done: trans.__('Uploaded'),
    failed: trans.__('Failed'),
    sending: trans.__('Uploading'),
    waiting: trans.__('Waiting')
  };
  return (
    <li>
      <span className="jp-MLStudio-uploadName" title={name}>
        {name}
      </span>
      {state === 'sending' ? (
        <progress
          aria-label={trans.__('Progress of %1', name)}
          {...(size === null ? {} : { max: Math.max(size, 1), value: sent })}
        />
      ) : (
        <span>{words[state]}</span>
      )}
      <span className="jp-mod-number">
        {size !== null && formatBytes(size)}
      </span>
      {isOpen(props.upload) && (
        <Button
          small
          minimal
          aria-label={trans.__('Cancel the upload of %1', name)}
          onClick={() => props.queue.cancel(props.upload.id)}
        >
          {trans.__('Cancel')}
        </Button>
      )}
      {problem && <span className="jp-MLStudio-problem">{problem}</span>}
    </li>
  );
}
