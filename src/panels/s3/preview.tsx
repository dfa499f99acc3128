import { Button, closeIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useState } from 'react';

import type { IS3Client } from '../../api/s3';
import type { Preview as IPreview } from '../../api/types';
import { formatBytes } from '../../components/bytes';
import { Skeleton } from '../../components/states';
import { useTrans } from '../../components/translation';
import type { IS3Entry } from '../../model/s3folder';

type Loaded =
  | { state: 'loading' }
  | { state: 'error'; message: string }
  | { state: 'ready'; preview: IPreview };

/** The beginning of an object. */
export function Preview(props: {
  client: IS3Client;
  entry: IS3Entry;
  onClose: () => void;
}): JSX.Element {
  const trans = useTrans();
  const { client, entry } = props;
  const { bucket, key } = entry;
  const [loaded, setLoaded] = useState<Loaded>({ state: 'loading' });
  useEffect(() => {
    let wanted = true;
    setLoaded({ state: 'loading' });
    client
      .preview(bucket, key)
      .then((preview): Loaded => ({ state: 'ready', preview }))
      .catch((reason: unknown): Loaded => ({
        state: 'error',
        message: reason instanceof Error ? reason.message : String(reason)
      }))
      .then(next => {
        if (wanted) {
          setLoaded(next);
        }
      })
      .catch(() => undefined);
    return () => {
      wanted = false;
    };
  }, [client, bucket, key]);
  return (
    <section
      className="jp-MLStudio-preview"
      aria-label={trans.__('Preview of %1', entry.name)}
    >
      <header>
        <strong title={key}>{entry.name}</strong>
        <span className="jp-MLStudio-help">
          {entry.size !== undefined && formatBytes(entry.size)}
        </span>
        <Button
          small
          minimal
          aria-label={trans.__('Close the preview')}
          onClick={props.onClose}
        >
          <closeIcon.react tag="span" aria-hidden />
        </Button>
      </header>
      {loaded.state === 'loading' && <Skeleton rows={3} />}
      {loaded.state === 'error' && (
        <p role="alert" className="jp-MLStudio-problem">
          {loaded.message}
        </p>
      )}
      {loaded.state === 'ready' && (
        <Shown client={client} entry={entry} preview={loaded.preview} />
      )}
    </section>
  );
}

function Shown(props: {
  client: IS3Client;
  entry: IS3Entry;
  preview: IPreview;
}): JSX.Element {
  const trans = useTrans();
  const { preview } = props;
  const more = preview.truncated && (
    <p className="jp-MLStudio-help">{trans.__('This is the beginning.')}</p>
  );
  switch (preview.kind) {
    case 'none':
      return <p className="jp-MLStudio-help">{preview.reason}</p>;
    case 'image':
      return <Picture {...props} />;
    case 'text':
      return (
        <>
          {more}
          <pre tabIndex={0} aria-label={trans.__('Text')}>
            {preview.text}
          </pre>
        </>
      );
    case 'table':
      return (
        <>
          {more}
          <Rows columns={preview.columns} rows={preview.rows} />
        </>
      );
  }
}

function Rows(props: { columns: string[]; rows: string[][] }): JSX.Element {
  const trans = useTrans();
  const width = Math.max(
    props.columns.length,
    ...props.rows.map(row => row.length)
  );
  const columns = Array.from(
    { length: width },
    (_, index) => props.columns[index] ?? String(index + 1)
  );
  return (
    <div
      className="jp-MLStudio-rows"
      tabIndex={0}
      role="group"
      aria-label={trans.__('First rows')}
    >
      <table className="jp-MLStudio-table">
        <thead>
          <tr>
            {columns.map((name, index) => (
              <th key={index} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row, number) => (
            <tr key={number}>
              {columns.map((_, index) => (
                <td key={index}>{row[index]}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A picture of pixels, from its bytes: what is in it cannot run. */
function Picture(props: { client: IS3Client; entry: IS3Entry }): JSX.Element {
  const trans = useTrans();
  const { bucket, key, name } = props.entry;
  const [url, setUrl] = useState<string | null>(null);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let made: string | null = null;
    let wanted = true;
    props.client
      .picture(bucket, key)
      .then(blob => {
        if (wanted) {
          made = URL.createObjectURL(blob);
          setUrl(made);
        }
      })
      .catch((reason: unknown) => setProblem(String(reason)));
    return () => {
      wanted = false;
      if (made) {
        URL.revokeObjectURL(made);
      }
    };
  }, [props.client, bucket, key]);
  if (problem) {
    return <p className="jp-MLStudio-problem">{problem}</p>;
  }
  return url ? (
    <img
      src={url}
      alt={name}
      onError={() => setProblem(trans.__('The picture is damaged.'))}
    />
  ) : (
    <Skeleton rows={3} />
  );
}
