import {
  caretDownIcon,
  caretRightIcon,
  caretUpIcon
} from '@jupyterlab/ui-components';
import { useVirtualizer } from '@tanstack/react-virtual';
import React, { useEffect, useRef } from 'react';

import { strokeOf } from '../../charts/colors';
import { formatNumber } from '../../components/numbers';
import { useTrans } from '../../components/translation';
import { Cell } from './cells';
import { MenuButton } from './controls';
import {
  columnTitle,
  type IComparison,
  isNumeric,
  METRIC,
  PARAMETER
} from './columns';
import type { Highlight } from './highlight';
import type { CompareModel } from './model';
import { type IGroupRow, type IRunRow, meanOf, type Row } from './rows';

/** Height of a row, and widths of the column of names and of others until changed, in pixels. */
const ROW = 28;
export const NAME_WIDTH = 280;
export const WIDTH = 120;
const WIDTHS: Partial<Record<string, number>> = { duration: 90, note: 220 };

const OVERSCAN = 8;

/** The width of a column in pixels. */
function widthOf(id: string, widths: Readonly<Record<string, number>>): number {
  return widths[id] ?? WIDTHS[id] ?? WIDTH;
}

/** Where a menu opens. */
export interface IMenuPlace {
  x: number;
  y: number;
}

export interface IRunTableProps {
  model: CompareModel;
  comparison: IComparison;
  rows: readonly Row[];
  columns: readonly string[];
  highlight: Highlight;
  closed: ReadonlySet<string>;
  onToggleGroup: (key: string) => void;
  onOpen: (run: string) => void;
  onRunMenu: (run: string, place: IMenuPlace) => void;
  onColumnMenu: (column: string, place: IMenuPlace) => void;
}

/** What of the columns is drawn, and how much room is left on both sides. */
interface IDrawnColumns {
  ids: readonly { id: string; index: number; width: number }[];
  before: number;
  after: number;
}

/** Runs as rows; of rows and columns only those in sight are drawn. */
export function RunTable(props: IRunTableProps): JSX.Element {
  const { columns, highlight, model, rows } = props;
  const trans = useTrans();
  const box = useRef<HTMLDivElement>(null);
  const { widths } = model.view;
  const lines = useVirtualizer({
    count: rows.length,
    estimateSize: () => ROW,
    getScrollElement: () => box.current,
    overscan: OVERSCAN
  });
  const across = useVirtualizer({
    horizontal: true,
    count: columns.length,
    estimateSize: index => widthOf(columns[index] ?? '', widths),
    getScrollElement: () => box.current,
    paddingStart: NAME_WIDTH,
    overscan: 3
  });
  useEffect(() => across.measure(), [across, columns, widths]);
  const seen = across.getVirtualItems();
  const drawn: IDrawnColumns = {
    ids: seen.map(({ index, size }) => ({
      id: columns[index] ?? '',
      index,
      width: size
    })),
    before: (seen[0]?.start ?? NAME_WIDTH) - NAME_WIDTH,
    after: across.getTotalSize() - (seen[seen.length - 1]?.end ?? NAME_WIDTH)
  };
  const ids = drawn.ids.map(each => each.id).join('\n');
  useEffect(() => model.want(ids.split('\n')), [ids, model]);
  useEffect(() => {
    const mark = () =>
      box.current
        ?.querySelectorAll<HTMLElement>('[data-run]')
        .forEach(row =>
          row.classList.toggle(
            'jp-mod-highlight',
            row.dataset.run === highlight.run
          )
        );
    highlight.changed.connect(mark);
    return () => {
      highlight.changed.disconnect(mark);
    };
  }, [highlight]);
  const items = lines.getVirtualItems();
  return (
    <div
      ref={box}
      className="jp-MLStudio-tableBox"
      tabIndex={0}
      role="group"
      aria-label={trans.__('Runs')}
    >
      <table
        className="jp-MLStudio-grid jp-MLStudio-runs"
        aria-rowcount={rows.length + 1}
        aria-colcount={columns.length + 1}
        style={{ width: across.getTotalSize() }}
      >
        <thead>
          <tr aria-rowindex={1}>
            <Heading {...props} id="name" index={-1} width={NAME_WIDTH} />
            <Side width={drawn.before} />
            {drawn.ids.map(column => (
              <Heading key={column.id} {...props} {...column} />
            ))}
            <Side width={drawn.after} />
          </tr>
        </thead>
        <tbody>
          <Gap height={items[0]?.start ?? 0} />
          {items.map(({ index }) => {
            const row = rows[index];
            const place = { ...props, drawn, index };
            if (row === undefined) {
              return null;
            }
            return row.kind === 'group' ? (
              <GroupLine key={row.key} {...place} row={row} />
            ) : (
              <RunLine key={row.name} {...place} row={row} />
            );
          })}
          <Gap
            height={lines.getTotalSize() - (items[items.length - 1]?.end ?? 0)}
          />
        </tbody>
      </table>
    </div>
  );
}

function Heading(
  props: IRunTableProps & { id: string; index: number; width: number }
): JSX.Element {
  const trans = useTrans();
  const { comparison, id, index, model, width } = props;
  const { aggregates, sort } = model.view;
  const isSorted = sort?.column === id;
  const order = sort?.descending ? 'descending' : 'ascending';
  const Icon = sort?.descending ? caretDownIcon : caretUpIcon;
  const name = columnTitle(id, trans);
  const aggregate = aggregates[id] ?? 'last';
  const words = { last: '', min: trans.__('min'), max: trans.__('max') };
  const title = words[aggregate] ? `${name} · ${words[aggregate]}` : name;
  const classes = [
    isNumeric(comparison, id) && index >= 0 ? 'jp-mod-number' : '',
    id === 'name' ? 'jp-mod-sticky' : '',
    id.startsWith(PARAMETER) ? 'jp-mod-parameter' : ''
  ];
  return (
    <th
      scope="col"
      aria-colindex={index + 2}
      style={{ width }}
      aria-sort={isSorted ? order : 'none'}
      className={classes.filter(Boolean).join(' ') || undefined}
    >
      <div className="jp-MLStudio-heading">
        <button
          title={title}
          onClick={() => model.update({ sort: nextSort(model, id) })}
        >
          <span className="jp-MLStudio-headingText">{title}</span>
          {isSorted && <Icon.react tag="span" aria-hidden />}
        </button>
        {id !== 'name' && (
          <MenuButton
            label={trans.__('What to do with column %1', name)}
            onOpen={place => props.onColumnMenu(id, place)}
          />
        )}
      </div>
    </th>
  );
}

/** Descending, then ascending, then as it was. */
function nextSort(model: CompareModel, column: string) {
  const { sort } = model.view;
  if (sort?.column !== column) {
    return { column, descending: true };
  }
  return sort.descending ? { column, descending: false } : null;
}

interface ILineProps extends IRunTableProps {
  drawn: IDrawnColumns;
  index: number;
}

function RunLine(props: ILineProps & { row: IRunRow }): JSX.Element {
  const { comparison, drawn, highlight, index, model, row } = props;
  const { baseline } = model.view;
  const classes = [
    row.pinned ? 'jp-mod-pinned' : '',
    row.name === baseline ? 'jp-mod-baseline' : '',
    row.name === highlight.run ? 'jp-mod-highlight' : ''
  ];
  const light = () => {
    highlight.run = row.name;
  };
  const dim = () => {
    highlight.run = null;
  };
  return (
    <tr
      aria-rowindex={index + 2}
      data-run={row.name}
      className={classes.filter(Boolean).join(' ') || undefined}
      style={{ height: ROW }}
      onPointerEnter={light}
      onPointerLeave={dim}
      onFocus={light}
      onBlur={dim}
    >
      <th scope="row" className="jp-mod-sticky" aria-colindex={1}>
        <RunName {...props} />
      </th>
      <Side width={drawn.before} />
      {drawn.ids.map(column => (
        <td
          key={column.id}
          aria-colindex={column.index + 2}
          className={
            isNumeric(comparison, column.id) ? 'jp-mod-number' : undefined
          }
        >
          <Cell {...props} run={row.index} column={column.id} />
        </td>
      ))}
      <Side width={drawn.after} />
    </tr>
  );
}

function RunName(props: ILineProps & { row: IRunRow }): JSX.Element {
  const trans = useTrans();
  const { comparison, model, row } = props;
  const run = comparison.runs[row.index];
  const name = shortName(run?.displayName ?? row.name);
  const isDrawn = model.isDrawn(row.name);
  return (
    <div className="jp-MLStudio-runName">
      <input
        type="checkbox"
        aria-label={trans.__('Draw %1', name)}
        title={trans.__('Draw lines of this run')}
        checked={isDrawn}
        onChange={() =>
          model.update({
            drawn: isDrawn
              ? model.drawn.filter(each => each !== row.name)
              : [...model.drawn, row.name]
          })
        }
      />
      {isDrawn && <Swatch stroke={model.strokeOf(row.name)} />}
      <button
        className="jp-MLStudio-link"
        title={row.name}
        aria-label={trans.__('Open %1', name)}
        onClick={() => props.onOpen(row.name)}
      >
        {name}
      </button>
      {row.name === model.view.baseline && (
        <span className="jp-MLStudio-badge">{trans.__('Baseline')}</span>
      )}
      <MenuButton
        label={trans.__('What to do with %1', name)}
        onOpen={place => props.onRunMenu(row.name, place)}
      />
    </div>
  );
}

/** What a run is called: its job, or itself. */
export function shortName(name: string): string {
  return name.replace(/-aws-(training|processing)-job$/, '');
}

/** How the line of a run looks. */
export function Swatch(props: { stroke: number }): JSX.Element {
  const { color, dash } = strokeOf(props.stroke);
  return (
    <svg className="jp-MLStudio-swatch" width={18} height={8} aria-hidden>
      <line
        x1={0}
        x2={18}
        y1={4}
        y2={4}
        stroke={color}
        strokeWidth={3}
        strokeDasharray={dash.join(' ')}
      />
    </svg>
  );
}

function GroupLine(props: ILineProps & { row: IGroupRow }): JSX.Element {
  const trans = useTrans();
  const { closed, comparison, drawn, index, model, row } = props;
  const isOpen = !closed.has(row.key);
  const Icon = isOpen ? caretDownIcon : caretRightIcon;
  const title = columnTitle(row.column, trans);
  return (
    <tr
      aria-rowindex={index + 2}
      className="jp-mod-group"
      style={{ height: ROW }}
    >
      <th scope="row" className="jp-mod-sticky" aria-colindex={1}>
        <button
          className="jp-MLStudio-groupButton"
          style={{ paddingLeft: 8 + 16 * row.depth }}
          aria-expanded={isOpen}
          onClick={() => props.onToggleGroup(row.key)}
        >
          <Icon.react tag="span" aria-hidden />
          {`${title} = ${row.value ?? '–'}`}{' '}
          <span className="jp-MLStudio-groupSize">
            {trans._n('%1 run', '%1 runs', row.members.length)}
          </span>
        </button>
      </th>
      <Side width={drawn.before} />
      {drawn.ids.map(({ id, index: place }) => {
        const averaged =
          id.startsWith(METRIC) ||
          (id.startsWith(PARAMETER) && isNumeric(comparison, id));
        const mean = averaged
          ? meanOf(
              comparison,
              row.members,
              id,
              model.view.aggregates[id] ?? 'last'
            )
          : NaN;
        return (
          <td
            key={id}
            aria-colindex={place + 2}
            className="jp-mod-number"
            title={trans.__('Mean')}
          >
            {Number.isNaN(mean) ? '' : `⌀ ${formatNumber(mean)}`}
          </td>
        );
      })}
      <Side width={drawn.after} />
    </tr>
  );
}

/** The place of columns that are not drawn. */
function Side(props: { width: number }): JSX.Element | null {
  return props.width > 0 ? (
    <td aria-hidden className="jp-mod-side" style={{ width: props.width }} />
  ) : null;
}

/** The place of rows that are not drawn. */
function Gap(props: { height: number }): JSX.Element | null {
  return props.height > 0 ? (
    <tr aria-hidden style={{ height: props.height }}>
      <td />
    </tr>
  ) : null;
}
