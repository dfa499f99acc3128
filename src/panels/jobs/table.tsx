import { caretDownIcon, caretUpIcon } from '@jupyterlab/ui-components';
import { useVirtualizer } from '@tanstack/react-virtual';
import React, { useEffect, useRef } from 'react';

import type { TrainingJobRecord } from '../../api/types';
import { useTrans } from '../../components/translation';
import type { JobTableModel } from '../../model/jobtable';
import { Cell } from './cells';
import type { IColumn } from './columns';

/** Height of a row in pixels. */
const ROW = 28;

/** Rows that are drawn beyond what is seen, and how near the end more is fetched. */
const OVERSCAN = 12;

export interface IJobTableProps {
  model: JobTableModel;
  jobs: readonly TrainingJobRecord[];
  columns: readonly IColumn[];
  selected: ReadonlySet<string>;
  onSelect: (names: ReadonlySet<string>) => void;
  onOpen: (name: string) => void;
}

/** Training jobs as rows, of which only those in sight are drawn. */
export function JobTable(props: IJobTableProps): JSX.Element {
  const { columns, jobs, model } = props;
  const trans = useTrans();
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: jobs.length,
    estimateSize: () => ROW,
    getScrollElement: () => box.current,
    overscan: OVERSCAN
  });
  const drawn = rows.getVirtualItems();
  const [first, last] = [drawn[0], drawn[drawn.length - 1]];
  const isNearEnd = last !== undefined && last.index >= jobs.length - OVERSCAN;
  useEffect(() => {
    if (isNearEnd && model.hasMore) {
      void model.loadMore();
    }
  }, [isNearEnd, jobs, model]);
  return (
    <div
      ref={box}
      className="jp-MLStudio-tableBox"
      tabIndex={0}
      role="group"
      aria-label={trans.__('Training jobs')}
    >
      <table
        className="jp-MLStudio-grid"
        aria-rowcount={model.total + 1}
        style={{ width: columns.reduce((sum, each) => sum + each.width, 36) }}
      >
        <thead>
          <tr aria-rowindex={1}>
            <SelectAll {...props} />
            {columns.map(column => (
              <Heading key={column.id} column={column} model={model} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap height={first?.start ?? 0} />
          {drawn.map(({ index }) => {
            const job = jobs[index];
            return job === undefined ? null : (
              <Row
                key={job.TrainingJobArn}
                {...props}
                job={job}
                index={index}
              />
            );
          })}
          <Gap height={rows.getTotalSize() - (last?.end ?? 0)} />
        </tbody>
      </table>
    </div>
  );
}

function Heading(props: {
  column: IColumn;
  model: JobTableModel;
}): JSX.Element {
  const { column, model } = props;
  const { descending, sort } = model.query;
  const isSorted = sort === column.id;
  const order = descending ? 'descending' : 'ascending';
  const Icon = descending ? caretDownIcon : caretUpIcon;
  return (
    <th
      scope="col"
      style={{ width: column.width }}
      aria-sort={isSorted ? order : 'none'}
      className={column.number ? 'jp-mod-number' : undefined}
    >
      <button
        title={column.title}
        onClick={() =>
          void model.search({
            sort: column.id,
            descending: isSorted ? !descending : true
          })
        }
      >
        {column.title}
        {isSorted && <Icon.react tag="span" aria-hidden />}
      </button>
    </th>
  );
}

function SelectAll(props: IJobTableProps): JSX.Element {
  const trans = useTrans();
  const { jobs, selected } = props;
  const names = jobs.map(job => job.TrainingJobName ?? '');
  const all = names.length > 0 && names.every(name => selected.has(name));
  return (
    <th scope="col" className="jp-mod-check">
      <input
        type="checkbox"
        aria-label={trans.__('Select all training jobs that are loaded')}
        checked={all}
        onChange={() => props.onSelect(new Set(all ? [] : names))}
      />
    </th>
  );
}

function Row(
  props: IJobTableProps & { job: TrainingJobRecord; index: number }
): JSX.Element {
  const trans = useTrans();
  const { columns, index, job, selected } = props;
  const name = job.TrainingJobName ?? '';
  const isSelected = selected.has(name);
  const toggle = () => {
    const changed = new Set(selected);
    if (!changed.delete(name)) {
      changed.add(name);
    }
    props.onSelect(changed);
  };
  return (
    <tr
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      className={isSelected ? 'jp-mod-selected' : undefined}
      style={{ height: ROW }}
    >
      <td className="jp-mod-check">
        <input
          type="checkbox"
          aria-label={trans.__('Select %1', name)}
          checked={isSelected}
          onChange={toggle}
        />
      </td>
      {columns.map(column => (
        <td
          key={column.id}
          className={column.number ? 'jp-mod-number' : undefined}
        >
          <Cell job={job} column={column.id} onOpen={props.onOpen} />
        </td>
      ))}
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
