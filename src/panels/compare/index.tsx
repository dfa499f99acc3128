import { MainAreaWidget } from '@jupyterlab/apputils';
import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import { PanelWidget } from '../../components/panelwidget';
import { DOMAIN } from '../../components/translation';
import { mlstudioIcon } from '../../icons';
import type { IMLStudio } from '../../tokens';
import { Highlight } from './highlight';
import { addMenu, columnMenu, moreMenu, pictureMenu, runMenu } from './menus';
import { CompareModel } from './model';
import { ComparePanel } from './panel';
import { formatView, type IView, parseView } from './view';

export { CompareModel, formatView, parseView };
export { addChart } from './addchart';
export { exportPoints } from './download';
export { fromLink, toLink } from './link';

/** What a panel with a comparison is made of. */
export interface ICompareSurroundings {
  studio: IMLStudio;
  commands: CommandRegistry;
  translator: ITranslator;
}

/** A comparison, as the content of a panel or of a document. */
export class CompareWidget extends PanelWidget {
  constructor(
    readonly model: CompareModel,
    surroundings: ICompareSurroundings
  ) {
    const { commands, translator } = surroundings;
    const trans = translator.load(DOMAIN);
    super(
      <ComparePanel
        model={model}
        highlight={new Highlight()}
        onOpen={run => openRun(model, run, commands)}
        onRunMenu={(run, place) => runMenu(commands, run, place)}
        onColumnMenu={(column, place) => columnMenu(commands, column, place)}
        onAddMenu={place => addMenu(commands, place)}
        onPictureMenu={(chart, title, place) =>
          pictureMenu(commands, chart, title, place)
        }
        onMoreMenu={place => moreMenu(commands, place)}
        onStart={() => commands.execute(CommandIDs.startStudio)}
      />,
      trans,
      [model]
    );
    this.addClass('jp-MLStudio-compare');
    this.disposed.connect(() => model.dispose());
  }
}

/** Where the state database keeps the view of a panel. */
function keyOf(id: string): string {
  return `jupyter-mlstudio:comparison:${id}`;
}

/** A panel with a comparison: of what it is told, else as it was before a reload. */
export async function comparePanel(
  id: string,
  view: Partial<IView> | null,
  surroundings: ICompareSurroundings,
  state: IStateDB | null
): Promise<MainAreaWidget<CompareWidget>> {
  const kept = view === null ? await state?.fetch(keyOf(id)) : view;
  const model = new CompareModel(
    surroundings.studio,
    parseView(JSON.stringify(kept ?? {}))
  );
  const keep = () =>
    void state?.save(keyOf(id), JSON.parse(formatView(model.snapshot())));
  model.viewChanged.connect(keep);
  if (view !== null) {
    keep();
  }
  const content = new CompareWidget(model, surroundings);
  const widget = new MainAreaWidget({ content });
  const trans = surroundings.translator.load(DOMAIN);
  widget.toolbar.hide();
  widget.title.label = trans.__('Comparison');
  widget.title.icon = mlstudioIcon;
  widget.title.closable = true;
  return widget;
}

function openRun(
  model: CompareModel,
  name: string,
  commands: CommandRegistry
): void {
  const run = model.value?.runs.find(each => each.name === name);
  const [, job] = /:training-job\/(.+)$/.exec(run?.source ?? '') ?? [];
  if (job !== undefined) {
    // ARNs are in lower case; the name of a run begins with that of its job as it was given.
    const exact = name.slice(0, job.length);
    void commands.execute(CommandIDs.openTrainingJob, {
      name: exact.toLowerCase() === job ? exact : job
    });
  }
}
