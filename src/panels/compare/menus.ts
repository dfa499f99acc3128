import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { Menu } from '@lumino/widgets';

import { CommandIDs } from '../../commands';
import { METRIC } from './columns';
import type { IMenuPlace } from './table';

type Entry = readonly [string, ReadonlyJSONObject] | null;

/** What can be done with a run. */
export function runMenu(
  commands: CommandRegistry,
  run: string,
  place: IMenuPlace
): void {
  open(commands, place, [
    [CommandIDs.comparePinRun, { run }],
    [CommandIDs.compareSetBaseline, { run }],
    [CommandIDs.compareChangeLook, { run }],
    [CommandIDs.compareEditNote, { run }],
    null,
    [CommandIDs.compareRemoveRun, { run }]
  ]);
}

/** What can be done with a column. */
export function columnMenu(
  commands: CommandRegistry,
  column: string,
  place: IMenuPlace
): void {
  const isMetric = column.startsWith(METRIC);
  const metric: Entry[] = [
    ...['last', 'min', 'max'].map((aggregate): Entry => [
      CommandIDs.compareShowAggregate,
      { column, aggregate }
    ]),
    null,
    ...['lower', 'higher'].map((better): Entry => [
      CommandIDs.compareBetter,
      { column, better }
    ]),
    null,
    [CommandIDs.compareAddChart, { kind: 'lines', column }]
  ];
  open(commands, place, [
    ...(isMetric ? metric : []),
    ...(/^[mp]:/.test(column)
      ? [[CommandIDs.compareAddChart, { kind: 'histogram', column }] as const]
      : []),
    ...(isMetric ? [] : [[CommandIDs.compareGroupBy, { column }] as const]),
    null,
    [CommandIDs.compareStickColumn, { column }],
    [CommandIDs.compareMoveColumn, { column, by: -1 }],
    [CommandIDs.compareMoveColumn, { column, by: 1 }],
    [CommandIDs.compareResizeColumn, { column, by: 40 }],
    [CommandIDs.compareResizeColumn, { column, by: -40 }],
    [CommandIDs.compareHideColumn, { column }]
  ]);
}

/** Which charts can be added. */
export function addMenu(commands: CommandRegistry, place: IMenuPlace): void {
  open(
    commands,
    place,
    ['lines', 'parallel', 'scatter', 'histogram'].map(kind => [
      CommandIDs.compareAddChart,
      { kind }
    ])
  );
}

/** As what a chart can be saved. */
export function pictureMenu(
  commands: CommandRegistry,
  chart: number,
  title: string,
  place: IMenuPlace
): void {
  open(
    commands,
    place,
    ['png', 'svg'].map(format => [
      CommandIDs.compareSaveChart,
      { chart, title, format }
    ])
  );
}

/** Everything else. */
export function moreMenu(commands: CommandRegistry, place: IMenuPlace): void {
  open(commands, place, [
    [CommandIDs.compareUndo, {}],
    [CommandIDs.compareRedo, {}],
    null,
    [CommandIDs.compareAddRun, {}],
    [CommandIDs.compareKeepFiltered, {}],
    [CommandIDs.compareAllRuns, {}],
    null,
    [CommandIDs.compareCopyLink, {}],
    [CommandIDs.compareSaveView, {}],
    null,
    [CommandIDs.compareExport, { format: 'csv' }],
    [CommandIDs.compareExport, { format: 'parquet' }]
  ]);
}

/** Open a menu that the keyboard can walk, and give the focus back when it closes. */
function open(
  commands: CommandRegistry,
  { x, y }: IMenuPlace,
  entries: readonly Entry[]
): void {
  const before = document.activeElement;
  const menu = new Menu({ commands });
  menu.addClass('jp-MLStudio-menu');
  for (const entry of entries) {
    menu.addItem(
      entry === null
        ? { type: 'separator' }
        : { command: entry[0], args: entry[1] }
    );
  }
  menu.aboutToClose.connect(() => {
    if (before instanceof HTMLElement) {
      before.focus();
    }
    // Not before the command that was chosen has been told.
    setTimeout(() => menu.dispose());
  });
  menu.open(x, y);
}
