import { Button } from '@jupyterlab/ui-components';
import React, { type ReactNode } from 'react';

import type { RequestError } from '../api/request';
import type { IRemoteModel } from '../tokens';
import { useTrans } from './translation';

/** The rows of a list that is on its way, in the layout they will have. */
export function Skeleton(props: { rows: number }): JSX.Element {
  const trans = useTrans();
  return (
    <div role="status" aria-label={trans.__('Loading')}>
      {Array.from({ length: props.rows }, (_, row) => (
        <div key={row} className="jp-MLStudio-skeleton" aria-hidden />
      ))}
    </div>
  );
}

/** Why there is nothing to show, or why what is shown may be old. */
export function Trouble(props: {
  error: RequestError;
  onRetry: () => Promise<void>;
  onStart: () => Promise<void>;
}): JSX.Element {
  const trans = useTrans();
  const { disconnected } = props.error;
  return (
    <div className="jp-MLStudio-trouble" role="alert">
      <strong>
        {disconnected
          ? trans.__('The studio is not connected')
          : trans.__('This could not be loaded')}
      </strong>
      <p>{props.error.message}</p>
      <div className="jp-MLStudio-actions">
        {disconnected && (
          <Button minimal small onClick={() => void props.onStart()}>
            {trans.__('Start the studio')}
          </Button>
        )}
        <Button minimal small onClick={() => void props.onRetry()}>
          {trans.__('Try again')}
        </Button>
      </div>
    </div>
  );
}

/** A panel without anything in it yet: what will appear, and the code that makes it. */
export function Empty(props: {
  children: ReactNode;
  code: string;
}): JSX.Element {
  const trans = useTrans();
  return (
    <div className="jp-MLStudio-empty">
      <p>{props.children}</p>
      <pre tabIndex={0} aria-label={trans.__('Python that makes one')}>
        {props.code}
      </pre>
    </div>
  );
}

/** Draw a model by its state: what it has stays visible while the connection is lost. */
export function Remote<T>(props: {
  model: IRemoteModel<T>;
  onStart: () => Promise<void>;
  children: (value: T) => ReactNode;
}): JSX.Element {
  const { model } = props;
  return (
    <>
      {model.error && (
        <Trouble
          error={model.error}
          onRetry={() => model.refresh()}
          onStart={props.onStart}
        />
      )}
      {model.value === null && !model.error && <Skeleton rows={3} />}
      {model.value !== null && props.children(model.value)}
    </>
  );
}
