import {
  fileIcon,
  folderIcon,
  type LabIcon,
  listIcon
} from '@jupyterlab/ui-components';
import { useVirtualizer } from '@tanstack/react-virtual';
import React, { useEffect, useRef } from 'react';

import { formatBytes } from '../../components/bytes';
import { RelativeTime } from '../../components/time';
import { useTrans } from '../../components/translation';
import type { IS3Entry, S3FolderModel } from '../../model/s3folder';
import { toUri } from '../../model/s3uri';

/** Height of a row in pixels. */
const ROW = 28;

/** Rows that are drawn beyond what is seen, and how near the end more is fetched. */
const OVERSCAN = 12;

const ICONS: Record<IS3Entry['kind'], LabIcon> = {
  bucket: listIcon,
  folder: folderIcon,
  object: fileIcon
};

export interface IS3TableProps {
  model: S3FolderModel;
  entries: readonly IS3Entry[];
  /** URIs of what is selected. */
  selected: ReadonlySet<string>;
  onSelect: (uris: ReadonlySet<string>) => void;
  onOpen: (entry: IS3Entry) => void;
}

/** Buckets, folders and objects as rows, of which only those in sight are drawn. */
export function S3Table(props: IS3TableProps): JSX.Element {
  const trans = useTrans();
  const { entries, model, onSelect, selected } = props;
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: entries.length,
    estimateSize: () => ROW,
    getScrollElement: () => box.current,
    overscan: OVERSCAN
  });
  const drawn = rows.getVirtualItems();
  const [first, last] = [drawn[0], drawn[drawn.length - 1]];
  const isNearEnd =
    last !== undefined && last.index >= entries.length - OVERSCAN;
  useEffect(() => {
    if (isNearEnd && model.hasMore) {
      void model.loadMore();
    }
  }, [isNearEnd, entries, model]);
  const uris = entries.map(toUri);
  const all = uris.length > 0 && uris.every(uri => selected.has(uri));
  return (
    <div
      ref={box}
      className="jp-MLStudio-tableBox"
      tabIndex={0}
      role="group"
      aria-label={trans.__('Contents')}
    >
      <table
        className="jp-MLStudio-grid jp-MLStudio-storageTable"
        aria-rowcount={model.hasMore ? -1 : entries.length + 1}
      >
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" className="jp-mod-check">
              <input
                type="checkbox"
                aria-label={trans.__('Select all that is loaded')}
                checked={all}
                onChange={() => onSelect(new Set(all ? [] : uris))}
              />
            </th>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col" className="jp-mod-number jp-mod-size">
              {trans.__('Size')}
            </th>
            <th scope="col" className="jp-mod-time">
              {trans.__('Changed')}
            </th>
          </tr>
        </thead>
        <tbody>
          <Gap height={first?.start ?? 0} />
          {drawn.map(({ index }) => {
            const entry = entries[index];
            return (
              entry && (
                <Row
                  key={`${entry.kind} ${toUri(entry)}`}
                  {...props}
                  entry={entry}
                  index={index}
                />
              )
            );
          })}
          <Gap height={rows.getTotalSize() - (last?.end ?? 0)} />
        </tbody>
      </table>
    </div>
  );
}

function Row(
  props: IS3TableProps & { entry: IS3Entry; index: number }
): JSX.Element {
  const trans = useTrans();
  const { entry, index, selected } = props;
  const uri = toUri(entry);
  const isSelected = selected.has(uri);
  const { react: Icon } = ICONS[entry.kind];
  const toggle = () => {
    const changed = new Set(selected);
    if (!changed.delete(uri)) {
      changed.add(uri);
    }
    props.onSelect(changed);
  };
  return (
    <tr
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      className={isSelected ? 'jp-mod-selected' : undefined}
      style={{ height: ROW }}
      draggable
      onDragStart={event => {
        event.dataTransfer.setData('text/plain', uri);
        event.dataTransfer.effectAllowed = 'copy';
      }}
    >
      <td className="jp-mod-check">
        <input
          type="checkbox"
          aria-label={trans.__('Select %1', entry.name)}
          checked={isSelected}
          onChange={toggle}
        />
      </td>
      <td>
        <button
          type="button"
          className="jp-MLStudio-link jp-MLStudio-storageName"
          title={entry.name}
          onClick={() => props.onOpen(entry)}
        >
          <Icon tag="span" aria-hidden className="jp-MLStudio-storageIcon" />
          {entry.name || '/'}
        </button>
      </td>
      <td className="jp-mod-number">
        {entry.size !== undefined && (
          <span title={trans.__('%1 bytes', entry.size)}>
            {formatBytes(entry.size)}
          </span>
        )}
      </td>
      <td>
        {entry.modified && <RelativeTime date={new Date(entry.modified)} />}
      </td>
    </tr>
  );
}

/** The place of rows that are not drawn. */
function Gap(props: { height: number }): JSX.Element | null {
  return props.height > 0 ? (
    <tr aria-hidden style={{ height: props.height }}>
      <td />
    </tr>
  ) : null;
}
