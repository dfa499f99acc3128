import { MainAreaWidget } from '@jupyterlab/apputils';
import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator } from '@jupyterlab/translation';
import { Debouncer } from '@lumino/polling';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONValue } from '@lumino/coreutils';
import React from 'react';

import type { ITrainingJobForm } from '../../api/types';
import { CommandIDs } from '../../commands';
import { PanelWidget } from '../../components/panelwidget';
import { DOMAIN } from '../../components/translation';
import { mlstudioIcon } from '../../icons';
import { JobFormModel, toDraft } from '../../model/jobform';
import { RemoteModel } from '../../model/remote';
import { asBoto3 } from '../../model/snippets';
import type { IMLStudio } from '../../tokens';
import type { IFormContext } from './context';
import { CreatePanel } from './panel';

/** Where the state database keeps what was typed. */
const KEY = 'jupyter-mlstudio:create-training-job';

/** Milliseconds after the last key before what was typed is kept. */
const TYPING = 300;

/** What the form asks the rest of JupyterLab for. */
export type Choosers = Pick<IFormContext, 'chooseFile' | 'chooseUri'>;

/** The content of the panel, with what is typed in it. */
export class CreateWidget extends PanelWidget {
  constructor(
    readonly model: JobFormModel,
    readonly form: RemoteModel<ITrainingJobForm>,
    ...[element, trans]: ConstructorParameters<typeof PanelWidget>
  ) {
    super(element, trans, [form]);
    this.addClass('jp-MLStudio-create');
  }

  /** The Python that makes the same job. */
  code(): string | undefined {
    const form = this.form.value;
    return form ? asBoto3(this.model.request(form)) : undefined;
  }

  override dispose(): void {
    this.form.dispose();
    super.dispose();
  }
}

/** The panel that makes a training job, with what was typed into it before. */
export async function createPanel(
  studio: IMLStudio,
  commands: CommandRegistry,
  translator: ITranslator,
  state: IStateDB | null,
  choosers: Choosers
): Promise<MainAreaWidget<CreateWidget>> {
  const trans = translator.load(DOMAIN);
  const model = new JobFormModel(
    studio.client,
    toDraft(await state?.fetch(KEY))
  );
  const form = new RemoteModel('training-job-form', () =>
    studio.client.trainingJobForm()
  );
  form.interval = studio.pollInterval * 1000;
  const keeper = new Debouncer(
    () => state?.save(KEY, model.draft as unknown as ReadonlyPartialJSONValue),
    TYPING
  );
  model.changed.connect(() => void keeper.invoke());
  const content = new CreateWidget(
    model,
    form,
    <CreatePanel
      model={model}
      form={form}
      {...choosers}
      onCreate={() => void commands.execute(CommandIDs.submitTrainingJob)}
      onClear={() => void commands.execute(CommandIDs.clearTrainingJobForm)}
      onCopy={() => void commands.execute(CommandIDs.copyTrainingJobForm)}
      onStart={() => commands.execute(CommandIDs.startStudio)}
    />,
    trans,
    []
  );
  content.disposed.connect(() => keeper.dispose());
  const widget = new MainAreaWidget({ content });
  widget.toolbar.hide();
  widget.title.label = trans.__('Create training job');
  widget.title.icon = mlstudioIcon;
  widget.title.closable = true;
  return widget;
}
