import { Button } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React, { type ReactNode } from 'react';

import { type RequestError, STUDIO_UNAVAILABLE } from '../api/request';
import type { IConnection, IRemoteModel } from '../tokens';
import { useTrans } from './translation';
import { useRemote } from './useremote';

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
  const { error } = props;
  const noStudio = error.code === STUDIO_UNAVAILABLE;
  return (
    <div className="jp-MLStudio-trouble" role="alert">
      <strong>{whatIsWrong(error, trans)}</strong>
      <p>
        {error.disconnected && !noStudio
          ? trans.__(
              'What you see may be old. It is brought up to date as soon as there is an answer.'
            )
          : error.message}
      </p>
      <div className="jp-MLStudio-actions">
        {noStudio && (
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

function whatIsWrong(error: RequestError, trans: TranslationBundle): string {
  if (error.code === STUDIO_UNAVAILABLE) {
    return trans.__('The studio is not connected');
  }
  if (!error.disconnected) {
    return trans.__('This could not be loaded');
  }
  return navigator.onLine
    ? trans.__('The Jupyter server does not answer')
    : trans.__('This browser is offline');
}

/** That the studio is away, while it is. */
export function Banner(props: {
  connection: IConnection;
  onStart: () => Promise<void>;
}): JSX.Element | null {
  const { connection } = props;
  useRemote(connection);
  return (
    connection.error && (
      <Trouble
        error={connection.error}
        onRetry={() => connection.retry()}
        onStart={props.onStart}
      />
    )
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
  /** A banner close by says that the studio is away. */
  hasBanner?: boolean;
  children: (value: T) => ReactNode;
}): JSX.Element {
  const { model } = props;
  const error =
    props.hasBanner && model.error?.disconnected ? null : model.error;
  return (
    <>
      {error && (
        <Trouble
          error={error}
          onRetry={() => model.refresh()}
          onStart={props.onStart}
        />
      )}
      {model.value === null && !error && <Skeleton rows={3} />}
      {model.value !== null && props.children(model.value)}
    </>
  );
}
