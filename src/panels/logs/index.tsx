import { MainAreaWidget } from '@jupyterlab/apputils';
import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import type { ILogPlace, ILogReference } from '../../api/logs';
import { PanelWidget } from '../../components/panelwidget';
import { DOMAIN } from '../../components/translation';
import { mlstudioIcon } from '../../icons';
import type { IMLStudio } from '../../tokens';
import { logs } from './current';
import { LogModel } from './model';
import { LogPanel } from './panel';
import { TIME_STYLES, type TimeStyle } from './times';

/** Where the state database keeps how the user likes logs. */
const KEY = 'jupyter-mlstudio:log-look';

/** The panel of one log. */
export class LogWidget extends MainAreaWidget<PanelWidget> {
  constructor(
    readonly model: LogModel,
    commands: CommandRegistry,
    translator: ITranslator
  ) {
    const trans = translator.load(DOMAIN);
    const content = new PanelWidget(
      <LogPanel model={model} commands={commands} />,
      trans,
      [model]
    );
    super({ content });
    content.addClass('jp-MLStudio-logPanel');
    content.disposed.connect(() => model.dispose());
    this.toolbar.hide();
    this.title.label = trans.__('Log of %1', model.place.name);
    this.title.icon = mlstudioIcon;
    this.title.closable = true;
    logs.current = model;
  }

  /** Show a line. */
  async reveal(line: ILogReference): Promise<void> {
    logs.current = this.model;
    await this.model.go.toReference(line);
  }
}

/** Make the panel of a log, as the user likes logs. */
export async function logPanel(
  place: ILogPlace,
  studio: IMLStudio,
  commands: CommandRegistry,
  translator: ITranslator,
  state: IStateDB | null
): Promise<LogWidget> {
  const model = new LogModel(studio, place);
  const known = (await state?.fetch(KEY)) as
    { times?: TimeStyle; wrap?: boolean } | undefined;
  model.look = {
    times: TIME_STYLES.find(style => style === known?.times) ?? 'local',
    wrap: known?.wrap === true
  };
  let { look } = model;
  model.changed.connect(() => {
    if (look !== model.look) {
      look = model.look;
      void state?.save(KEY, { ...look });
    }
  });
  return new LogWidget(model, commands, translator);
}
