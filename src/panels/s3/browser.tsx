import { Button, refreshIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useState } from 'react';

import { Empty, Remote } from '../../components/states';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { IS3Entry, S3FolderModel } from '../../model/s3folder';
import { folderOf, type IS3Location, toUri } from '../../model/s3uri';
import type { UploadQueue } from '../../model/uploads';
import { filesOf } from './dropping';
import { Preview } from './preview';
import { S3Table } from './table';
import { Uploads } from './uploads';

/** Milliseconds after the last key before a search begins. */
const TYPING = 250;

const EXAMPLE = `import sagemaker
sagemaker.Session().upload_data("data.csv", key_prefix="data")`;

/** What the browser has others do. */
export interface IS3Actions {
  onCopyUri: (uri: string) => void;
  onCreateBucket: () => void;
  onDelete: (uris: readonly string[]) => void;
  onDownload: (uri: string) => void;
  onStart: () => Promise<void>;
  /** Have the user choose files of the computer, or a folder, for the place that is open. */
  onUpload: (folder: boolean) => void;
}

export interface IS3BrowserProps extends IS3Actions {
  model: S3FolderModel;
  uploads: UploadQueue;
  selected: ReadonlySet<string>;
  onSelect: (uris: ReadonlySet<string>) => void;
}

/** Buckets, folders and objects: looked through, found, sent, fetched and deleted. */
export function S3Browser(props: IS3BrowserProps): JSX.Element {
  const trans = useTrans();
  const { model, onSelect } = props;
  const [shown, show] = useState<IS3Entry | null>(null);
  useRemote(model);
  const { folder, location } = model;
  const open = (place: IS3Location) => {
    show(null);
    onSelect(new Set());
    void model.open(place);
  };
  const isSearch = location.key !== folder.key;
  return (
    <div
      className="jp-MLStudio-storage"
      onDragOver={event => {
        if (folder.bucket && event.dataTransfer.types.includes('Files')) {
          event.preventDefault();
          event.dataTransfer.dropEffect = 'copy';
        }
      }}
      onDrop={event => {
        if (folder.bucket && event.dataTransfer.types.includes('Files')) {
          event.preventDefault();
          void addDropped(event.dataTransfer, props.uploads, folder);
        }
      }}
    >
      <Crumbs location={folder} onOpen={open} />
      <Toolbar {...props} onOpen={open} onShow={show} />
      <Remote model={model} onStart={props.onStart}>
        {entries =>
          entries.length > 0 ? (
            <div className="jp-MLStudio-storageBody">
              <S3Table
                {...props}
                entries={entries}
                onOpen={entry =>
                  entry.kind === 'object' ? choose(entry) : open(entry)
                }
              />
              {shown && (
                <Preview
                  client={model.client}
                  entry={shown}
                  onClose={() => show(null)}
                />
              )}
            </div>
          ) : isSearch ? (
            <p className="jp-MLStudio-nothing">
              {trans.__('Nothing begins like that here.')}
            </p>
          ) : (
            <Empty code={EXAMPLE}>
              {folder.bucket
                ? trans.__(
                    'Nothing is here yet. Drop files or folders, or upload them.'
                  )
                : trans.__('Buckets appear here once there are some.')}
            </Empty>
          )
        }
      </Remote>
      <Uploads queue={props.uploads} />
    </div>
  );

  function choose(entry: IS3Entry): void {
    show(entry);
    onSelect(new Set([toUri(entry)]));
  }
}

/** The way from all buckets to the folder that is open. */
function Crumbs(props: {
  location: IS3Location;
  onOpen: (place: IS3Location) => void;
}): JSX.Element {
  const trans = useTrans();
  const { bucket, key } = props.location;
  const parts = key.split('/').slice(0, -1);
  const places: [string, IS3Location][] = [
    [trans.__('Buckets'), { bucket: '', key: '' }],
    ...(bucket ? [[bucket, { bucket, key: '' }] as const] : []).map(
      ([name, place]): [string, IS3Location] => [name, place]
    ),
    ...parts.map((part, index): [string, IS3Location] => [
      part || '/',
      { bucket, key: `${parts.slice(0, index + 1).join('/')}/` }
    ])
  ];
  return (
    <nav aria-label={trans.__('Place in S3')} className="jp-MLStudio-crumbs">
      <ol>
        {places.map(([name, place], index) => (
          <li key={toUri(place)}>
            <button
              type="button"
              className="jp-MLStudio-link"
              aria-current={index === places.length - 1 ? 'page' : undefined}
              onClick={() => props.onOpen(place)}
            >
              {name}
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Toolbar(
  props: IS3BrowserProps & {
    onOpen: (place: IS3Location) => void;
    onShow: (entry: IS3Entry) => void;
  }
): JSX.Element {
  const trans = useTrans();
  const { model, selected } = props;
  const { bucket } = model.folder;
  const chosen = (model.value ?? []).filter(each => selected.has(toUri(each)));
  const [only] = chosen.length === 1 ? chosen : [];
  const one = only && toUri(only);
  return (
    <div className="jp-MLStudio-toolbar" role="toolbar">
      <SearchBox model={model} onSearch={props.onOpen} />
      {bucket ? (
        <>
          <Button small onClick={() => props.onUpload(false)}>
            {trans.__('Upload files…')}
          </Button>
          <Button small onClick={() => props.onUpload(true)}>
            {trans.__('Upload a folder…')}
          </Button>
        </>
      ) : (
        <Button small onClick={props.onCreateBucket}>
          {trans.__('New bucket…')}
        </Button>
      )}
      <Button
        small
        disabled={only?.kind !== 'object'}
        onClick={() => one && props.onDownload(one)}
      >
        {trans.__('Download')}
      </Button>
      <Button small disabled={!one} onClick={() => one && props.onCopyUri(one)}>
        {trans.__('Copy URI')}
      </Button>
      <Button
        small
        disabled={chosen.length === 0}
        onClick={() => props.onDelete(chosen.map(toUri))}
      >
        {trans.__('Delete…')}
      </Button>
      <Button
        small
        minimal
        aria-label={trans.__('Refresh')}
        title={trans.__('Refresh')}
        onClick={() => void model.refresh()}
      >
        <refreshIcon.react tag="span" aria-hidden />
      </Button>
      <output className="jp-MLStudio-count">
        {model.value &&
          (model.hasMore
            ? trans.__('%1 and more', model.value.length)
            : trans._n('%1 entry', '%1 entries', model.value.length))}
      </output>
    </div>
  );
}

function SearchBox(props: {
  model: S3FolderModel;
  onSearch: (place: IS3Location) => void;
}): JSX.Element {
  const trans = useTrans();
  const { model, onSearch } = props;
  const { bucket, key } = model.location;
  const folder = folderOf(key);
  const [text, setText] = useState(key.slice(folder.length));
  // Another folder begins with another search.
  useEffect(() => setText(key.slice(folder.length)), [bucket, folder]);
  useEffect(() => {
    const wanted = folder + text;
    if (wanted === key) {
      return;
    }
    const timer = setTimeout(() => onSearch({ bucket, key: wanted }), TYPING);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <input
      type="search"
      className="jp-mod-styled"
      placeholder={trans.__('Names that begin with')}
      aria-label={trans.__('Names that begin with')}
      value={text}
      onChange={event => setText(event.target.value)}
    />
  );
}

/** Send what was dropped from the desktop: files, and folders with all that is in them. */
async function addDropped(
  data: DataTransfer,
  uploads: UploadQueue,
  { bucket, key }: IS3Location
): Promise<void> {
  for await (const { file, path } of filesOf(data)) {
    uploads.add(file, { bucket, key: key + path });
  }
}
