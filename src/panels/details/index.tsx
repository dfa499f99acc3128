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

/** Milliseconds between looks at the metrics of a job that runs. */
const LIVE = 2_000;

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
  const metrics = studio.follow('TrainingJob', name, async () => {
    const { job } = model.value ?? (await studio.client.trainingJob(name));
    return studio.client.metricSeries(job.TrainingJobArn ?? '');
  });
  model.changed.connect(() => {
    const running = model.value?.job.TrainingJobStatus === 'InProgress';
    metrics.interval = running ? LIVE : model.interval;
  });
  return panel(
    name,
    [model, metrics],
    translator,
    <TrainingJobDetails
      model={model}
      metrics={metrics}
      onStart={() => commands.execute(CommandIDs.startStudio)}
      onStop={() => void commands.execute(CommandIDs.stopTrainingJob, { name })}
      onClone={() =>
        void commands.execute(CommandIDs.cloneTrainingJob, { name })
      }
      onCopy={kind =>
        void commands.execute(
          kind === 'cli'
            ? CommandIDs.copyTrainingJobAsCli
            : CommandIDs.copyTrainingJobAsBoto3,
          { name }
        )
      }
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
    [model],
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
  models: readonly IRemoteModel<unknown>[],
  translator: ITranslator,
  element: JSX.Element
): MainAreaWidget {
  const content = new PanelWidget(element, translator.load(DOMAIN), models);
  content.addClass('jp-MLStudio-details');
  content.disposed.connect(() => models.forEach(model => model.dispose()));
  const widget = new MainAreaWidget({ content });
  widget.toolbar.hide();
  widget.title.label = name;
  widget.title.icon = mlstudioIcon;
  widget.title.closable = true;
  return widget;
}
