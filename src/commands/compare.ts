import { InputDialog, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject,
  ReadonlyPartialJSONValue
} from '@lumino/coreutils';

import { mlstudioIcon } from '../icons';
import type { CompareModel } from '../panels/compare/model';
import type { Aggregate, Better, IView } from '../panels/compare/view';
import { CommandIDs } from './ids';
import { NO_ARGS, reportErrors } from './support';

/** Looks that runs can have: `strokeOf` tells so many apart. */
const LOOKS = 24;

/** Narrowest column in pixels. */
const NARROWEST = 60;

/** What the commands need to know of the comparisons that are open. */
export interface IComparisons {
  /** The comparison that the user looks at. */
  current(): CompareModel | null;
  /** Open the panel with this id, or a new one. */
  open(id: string | null, view: Partial<IView> | null): Promise<void>;
  openLink(search: string): Promise<void>;
  copyLink(model: CompareModel): Promise<void>;
  saveView(model: CompareModel): Promise<void>;
  exportPoints(model: CompareModel, format: string): Promise<void>;
  /** Add a chart of the kind, of the column if one is given. */
  addChart(model: CompareModel, kind: string, column?: string): Promise<void>;
}

/** Add the commands that open comparisons, and those that change the one in sight. */
export function addCompareCommands(
  commands: CommandRegistry,
  comparisons: IComparisons,
  trans: TranslationBundle
): void {
  addOpening(commands, comparisons, trans);
  addRunCommands(commands, comparisons, trans);
  addColumnCommands(commands, comparisons, trans);
  addViewCommands(commands, comparisons, trans);
  addPictureCommand(commands, comparisons, trans);
}

function addOpening(
  commands: CommandRegistry,
  comparisons: IComparisons,
  trans: TranslationBundle
): void {
  commands.addCommand(CommandIDs.compareRuns, {
    label: trans.__('Compare Runs'),
    caption: trans.__(
      'See parameters, metrics and curves of training jobs side by side'
    ),
    icon: mlstudioIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          id: { type: 'string', description: 'A panel that was open before' },
          runs: NAMES('The names of trial components'),
          jobs: NAMES('The names of training jobs')
        }
      }
    },
    execute: args => {
      const runs = [
        ...textsOf(args.runs),
        ...textsOf(args.jobs).map(name => `${name}-aws-training-job`)
      ];
      const id = typeof args.id === 'string' ? args.id : null;
      return comparisons.open(
        id,
        runs.length > 0 ? { runs, drawn: runs } : id === null ? {} : null
      );
    }
  });
  commands.addCommand(CommandIDs.compareOpenLink, {
    label: trans.__('Open a Comparison from a Link'),
    describedBy: {
      args: {
        type: 'object',
        required: ['search'],
        properties: {
          search: { type: 'string', description: 'The query of the address' }
        }
      }
    },
    execute: args =>
      reportErrors(trans.__('The comparison could not be opened'), () =>
        comparisons.openLink(String(args.search ?? ''))
      )
  });
}

function addRunCommands(
  commands: CommandRegistry,
  comparisons: IComparisons,
  trans: TranslationBundle
): void {
  const add = adder(commands, comparisons, RUN_ARG);
  const isIn = (member: 'pinned', args: ReadonlyPartialJSONObject) =>
    comparisons.current()?.view[member].includes(textOf(args.run)) ?? false;
  add(
    CommandIDs.comparePinRun,
    args =>
      isIn('pinned', args) ? trans.__('Unpin Run') : trans.__('Pin Run on Top'),
    (model, args) =>
      model.update({ pinned: toggled(model.view.pinned, textOf(args.run)) })
  );
  add(
    CommandIDs.compareSetBaseline,
    args =>
      comparisons.current()?.view.baseline === args.run
        ? trans.__('No Baseline')
        : trans.__('Make It the Baseline'),
    (model, args) => {
      const run = textOf(args.run);
      model.update({ baseline: model.view.baseline === run ? null : run });
    }
  );
  add(
    CommandIDs.compareChangeLook,
    () => trans.__('Another Colour'),
    (model, args) => {
      const run = textOf(args.run);
      const next = (model.strokeOf(run) + 1) % LOOKS;
      model.update({ strokes: { ...model.view.strokes, [run]: next } });
    }
  );
  add(
    CommandIDs.compareRemoveRun,
    () => trans.__('Remove from the Comparison'),
    (model, args) => {
      const runs =
        model.view.runs ?? (model.value?.runs ?? []).map(run => run.name);
      model.update({ runs: runs.filter(name => name !== args.run) });
    }
  );
  add(
    CommandIDs.compareEditNote,
    () => trans.__('Note…'),
    async (model, args) => {
      const run = textOf(args.run);
      const { value } = model;
      const index = value?.runs.findIndex(each => each.name === run) ?? -1;
      const { button, value: text } = await InputDialog.getText({
        title: trans.__('Note about %1', run),
        text: value?.texts.get('mlstudio.note')?.[index] ?? ''
      });
      if (button.accept) {
        await reportErrors(trans.__('The note could not be kept'), () =>
          model.annotate(run, text ?? '')
        );
      }
    }
  );
}

function addColumnCommands(
  commands: CommandRegistry,
  comparisons: IComparisons,
  trans: TranslationBundle
): void {
  const add = adder(commands, comparisons, COLUMN_ARG);
  const view = () => comparisons.current()?.view;
  add(
    CommandIDs.compareShowAggregate,
    args =>
      ({
        min: trans.__('Show Lowest Values'),
        max: trans.__('Show Highest Values')
      })[textOf(args.aggregate)] ?? trans.__('Show Last Values'),
    (model, args) =>
      model.update({
        aggregates: {
          ...model.view.aggregates,
          [textOf(args.column)]: args.aggregate as Aggregate
        }
      }),
    args =>
      (view()?.aggregates[textOf(args.column)] ?? 'last') === args.aggregate
  );
  add(
    CommandIDs.compareBetter,
    args =>
      args.better === 'lower'
        ? trans.__('Lower Is Better')
        : trans.__('Higher Is Better'),
    (model, args) =>
      model.update({
        better: {
          ...model.view.better,
          [textOf(args.column)]: args.better as Better
        }
      }),
    args => view()?.better[textOf(args.column)] === args.better
  );
  add(
    CommandIDs.compareGroupBy,
    () => trans.__('Group by This Column'),
    (model, args) =>
      model.update({ groups: toggled(model.view.groups, textOf(args.column)) }),
    args => view()?.groups.includes(textOf(args.column)) ?? false
  );
  add(
    CommandIDs.compareStickColumn,
    () => trans.__('Keep on the Left'),
    (model, args) =>
      model.update({ stuck: toggled(model.view.stuck, textOf(args.column)) }),
    args => view()?.stuck.includes(textOf(args.column)) ?? false
  );
  add(
    CommandIDs.compareMoveColumn,
    args =>
      Number(args.by) < 0 ? trans.__('Move Left') : trans.__('Move Right'),
    (model, args) => model.moveColumn(textOf(args.column), Number(args.by))
  );
  add(
    CommandIDs.compareResizeColumn,
    args => (Number(args.by) < 0 ? trans.__('Narrower') : trans.__('Wider')),
    (model, args) => {
      const column = textOf(args.column);
      const width = (model.view.widths[column] ?? 120) + Number(args.by);
      model.update({
        widths: { ...model.view.widths, [column]: Math.max(NARROWEST, width) }
      });
    }
  );
  add(
    CommandIDs.compareHideColumn,
    () => trans.__('Hide Column'),
    (model, args) =>
      model.update({
        columns: model.columns.filter(each => each !== args.column)
      })
  );
}

function addViewCommands(
  commands: CommandRegistry,
  comparisons: IComparisons,
  trans: TranslationBundle
): void {
  const add = adder(commands, comparisons, NO_ARGS.args);
  add(
    CommandIDs.compareUndo,
    () => trans.__('Undo in Comparison'),
    model => model.undo(),
    undefined,
    model => model.canUndo
  );
  add(
    CommandIDs.compareRedo,
    () => trans.__('Redo in Comparison'),
    model => model.redo(),
    undefined,
    model => model.canRedo
  );
  add(
    CommandIDs.compareAllRuns,
    () => trans.__('Show All Runs'),
    model => model.update({ runs: null }),
    undefined,
    model => model.view.runs !== null
  );
  add(
    CommandIDs.compareKeepFiltered,
    () => trans.__('Keep Only the Runs That the Filter Finds'),
    model => model.keepFiltered(),
    undefined,
    model => model.view.filter !== ''
  );
  add(
    CommandIDs.compareAddRun,
    () => trans.__('Add Run…'),
    async model => {
      const items = await model.otherRuns();
      const { value } = await InputDialog.getItem({
        title: trans.__('Add a run to the comparison'),
        label: trans.__('Run'),
        items,
        editable: true
      });
      if (value && items.includes(value)) {
        model.update({ runs: [...(model.view.runs ?? []), value] });
      }
    },
    undefined,
    model => model.view.runs !== null
  );
  add(
    CommandIDs.compareCopyLink,
    () => trans.__('Copy Link to Comparison'),
    async model => {
      await comparisons.copyLink(model);
      Notification.success(trans.__('The link is in the clipboard'), {
        autoClose: 3000
      });
    }
  );
  add(
    CommandIDs.compareSaveView,
    () => trans.__('Save Comparison as File…'),
    model =>
      reportErrors(trans.__('The comparison could not be saved'), () =>
        comparisons.saveView(model)
      )
  );
  adder(commands, comparisons, {
    type: 'object',
    properties: {
      format: { type: 'string', enum: ['csv', 'parquet'] }
    }
  })(
    CommandIDs.compareExport,
    args =>
      args.format === 'parquet'
        ? trans.__('Download All Points as Parquet')
        : trans.__('Download All Points as CSV'),
    (model, args) =>
      reportErrors(trans.__('The points could not be downloaded'), () =>
        comparisons.exportPoints(model, textOf(args.format) || 'csv')
      )
  );
  adder(commands, comparisons, {
    type: 'object',
    required: ['kind'],
    properties: {
      kind: { type: 'string', enum: Object.keys(CHARTS(trans)) },
      column: { type: 'string', description: 'The id of a column' }
    }
  })(
    CommandIDs.compareAddChart,
    args => CHARTS(trans)[textOf(args.kind)] ?? trans.__('Chart'),
    (model, args) =>
      comparisons.addChart(
        model,
        textOf(args.kind),
        args.column === undefined ? undefined : textOf(args.column)
      )
  );
}

function addPictureCommand(
  commands: CommandRegistry,
  comparisons: IComparisons,
  trans: TranslationBundle
): void {
  adder(commands, comparisons, {
    type: 'object',
    required: ['chart', 'format'],
    properties: {
      chart: { type: 'number', description: 'The place of the chart' },
      title: { type: 'string', description: 'What the file is called' },
      format: { type: 'string', enum: ['png', 'svg'] }
    }
  })(
    CommandIDs.compareSaveChart,
    args =>
      args.format === 'svg'
        ? trans.__('Save Chart as SVG')
        : trans.__('Save Chart as PNG'),
    (model, args) =>
      reportErrors(trans.__('The chart could not be saved'), () =>
        model.pictures.save(
          String(args.chart),
          textOf(args.title),
          args.format === 'svg' ? 'svg' : 'png'
        )
      )
  );
}

const CHARTS = (trans: TranslationBundle): Record<string, string> => ({
  lines: trans.__('Chart of Lines'),
  parallel: trans.__('Parallel Coordinates'),
  scatter: trans.__('Scatter Plot'),
  histogram: trans.__('Histogram')
});

type Args = ReadonlyPartialJSONObject;

/** Add commands that change the comparison that the user looks at. */
function adder(
  commands: CommandRegistry,
  comparisons: IComparisons,
  args: ReadonlyJSONObject
) {
  return (
    id: string,
    label: (args: Args) => string,
    execute: (model: CompareModel, args: Args) => Promise<void> | void,
    isToggled?: (args: Args) => boolean,
    isPossible: (model: CompareModel) => boolean = () => true
  ): void => {
    commands.addCommand(id, {
      label,
      describedBy: { args },
      isEnabled: () => {
        const model = comparisons.current();
        return model !== null && isPossible(model);
      },
      ...(isToggled ? { isToggleable: true, isToggled } : {}),
      execute: async given => {
        const model = comparisons.current();
        if (model !== null) {
          await execute(model, given);
        }
      }
    });
  };
}

const RUN_ARG = {
  type: 'object',
  required: ['run'],
  properties: {
    run: { type: 'string', description: 'The name of a trial component' }
  }
};

const COLUMN_ARG = {
  type: 'object',
  required: ['column'],
  properties: {
    column: {
      type: 'string',
      description: 'The id of a column, e.g. p:eta or m:validation:auc'
    },
    aggregate: { type: 'string', enum: ['last', 'min', 'max'] },
    better: { type: 'string', enum: ['lower', 'higher'] },
    by: { type: 'number', description: 'Places, or pixels' }
  }
};

function NAMES(description: string) {
  return { type: 'array', items: { type: 'string' }, description };
}

function textOf(value: ReadonlyPartialJSONValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: ReadonlyPartialJSONValue | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function toggled(list: readonly string[], item: string): string[] {
  return list.includes(item)
    ? list.filter(each => each !== item)
    : [...list, item];
}
