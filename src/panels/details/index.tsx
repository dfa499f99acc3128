import type { Tag } from '@aws-sdk/client-sagemaker';
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { ITranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import type { ILogPlace } from '../../api/logs';
import { CommandIDs } from '../../commands';
import { PanelWidget } from '../../components/panelwidget';
import { DOMAIN } from '../../components/translation';
import { mlstudioIcon } from '../../icons';
import type { SnippetKind } from '../../model/snippets';
import type { IMLStudio, IRemoteModel } from '../../tokens';
import { LogModel } from '../logs/model';
import { usageOf } from '../../model/usage';
import { EndpointDetails } from './endpoint';
import { TrainingJobDetails } from './job';
import type { ITagActions } from './tags';

/** Milliseconds between looks at the metrics of a job that runs. */
const LIVE = 2_000;

/** The command that copies what makes a job, by the form it has then. */
const COPY: Record<SnippetKind, string> = {
  boto3: CommandIDs.copyTrainingJobAsBoto3,
  cli: CommandIDs.copyTrainingJobAsCli,
  sdk: CommandIDs.copyTrainingJobAsSdk
};

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
  const described = async () =>
    (model.value ?? (await studio.client.trainingJob(name))).job;
  const metrics = studio.follow('TrainingJob', name, async () => {
    const job = await described();
    return studio.client.metricSeries(job.TrainingJobArn ?? '');
  });
  model.changed.connect(() => {
    const running = model.value?.job.TrainingJobStatus === 'InProgress';
    metrics.interval = running ? LIVE : model.interval;
  });
  const usage = studio.follow('TrainingJob', name, async () =>
    usageOf(studio.client, await described())
  );
  const tags = tagActions(studio, 'TrainingJob', name, async () =>
    String((await described()).TrainingJobArn)
  );
  const log = logOf(studio, { kind: 'TrainingJob', name });
  return panel(
    name,
    [model, metrics, usage, tags.model, log],
    translator,
    <TrainingJobDetails
      model={model}
      metrics={metrics}
      usage={usage}
      tags={tags}
      log={log}
      commands={commands}
      onStart={() => commands.execute(CommandIDs.startStudio)}
      onStop={() =>
        void commands.execute(CommandIDs.stopTrainingJobs, { names: [name] })
      }
      onClone={() =>
        void commands.execute(CommandIDs.cloneTrainingJob, { name })
      }
      onCopy={kind => void commands.execute(COPY[kind], { name })}
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
  const log = logOf(studio, { kind: 'Endpoint', name });
  return panel(
    name,
    [model, log],
    translator,
    <EndpointDetails
      model={model}
      log={log}
      commands={commands}
      onStart={() => commands.execute(CommandIDs.startStudio)}
      onDelete={() =>
        void commands.execute(CommandIDs.deleteEndpoint, { name })
      }
    />
  );
}

/** The tags of a resource, kept up to date as they are changed here. */
function tagActions(
  studio: IMLStudio,
  kind: string,
  name: string,
  arnOf: () => Promise<string>
): ITagActions {
  const call = async <T,>(operation: string, params: object) =>
    studio.client.call<T>('sagemaker', operation, {
      ResourceArn: await arnOf(),
      ...params
    });
  const model = studio.follow(kind, name, async () => {
    const answer = await call<{ Tags?: Tag[] }>('ListTags', {
      MaxResults: 50
    });
    return answer.Tags ?? [];
  });
  return {
    model,
    add: async (key, value) => {
      await call('AddTags', { Tags: [{ Key: key, Value: value }] });
      await model.refresh();
    },
    remove: async key => {
      await call('DeleteTags', { TagKeys: [key] });
      await model.refresh();
    }
  };
}

/** The log of a resource, which its panel disposes of. */
function logOf(studio: IMLStudio, place: ILogPlace): LogModel {
  return new LogModel(studio, place);
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
