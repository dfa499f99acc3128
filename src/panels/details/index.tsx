import { MainAreaWidget } from '@jupyterlab/apputils';
import type { ITranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import { PanelWidget } from '../../components/panelwidget';
import { DOMAIN } from '../../components/translation';
import { mlstudioIcon } from '../../icons';
import type { IMLStudio, IRemoteModel } from '../../tokens';
import { EndpointDetails } from './endpoint';
import { TrainingJobDetails } from './job';

/** The panel of one training job. */
export function trainingJobPanel(
  name: string,
  studio: IMLStudio,
  commands: CommandRegistry,
  translator: ITranslator
): MainAreaWidget {
  const model = studio.follow('TrainingJob', name, () =>
    studio.client.trainingJob(name)
  );
  return panel(
    name,
    model,
    translator,
    <TrainingJobDetails
      model={model}
      onStart={() => commands.execute(CommandIDs.startStudio)}
      onStop={() => void commands.execute(CommandIDs.stopTrainingJob, { name })}
    />
  );
}

/** The panel of one endpoint. */
export function endpointPanel(
  name: string,
  studio: IMLStudio,
  commands: CommandRegistry,
  translator: ITranslator
): MainAreaWidget {
  const model = studio.follow('Endpoint', name, () =>
    studio.client.endpoint(name)
  );
  return panel(
    name,
    model,
    translator,
    <EndpointDetails
      model={model}
      onStart={() => commands.execute(CommandIDs.startStudio)}
      onDelete={() =>
        void commands.execute(CommandIDs.deleteEndpoint, { name })
      }
    />
  );
}

function panel(
  name: string,
  model: IRemoteModel<unknown>,
  translator: ITranslator,
  element: JSX.Element
): MainAreaWidget {
  const content = new PanelWidget(element, translator.load(DOMAIN), [model]);
  content.addClass('jp-MLStudio-details');
  content.disposed.connect(() => model.dispose());
  const widget = new MainAreaWidget({ content });
  widget.toolbar.hide();
  widget.title.label = name;
  widget.title.icon = mlstudioIcon;
  widget.title.closable = true;
  return widget;
}
