import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  IRunningSessionManagers,
  type IRunningSessions
} from '@jupyterlab/running';
import {
  ITranslator,
  nullTranslator,
  type TranslationBundle
} from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { Widget } from '@lumino/widgets';

import { CommandIDs } from '../commands';
import { statusWord } from '../components/status';
import { absoluteTime, relativeTime } from '../components/time';
import { DOMAIN } from '../components/translation';
import { watchWhileVisible } from '../components/watching';
import { mlstudioIcon } from '../icons';
import { IMLStudio } from '../tokens';

/** The class of the panel that lists what runs, in JupyterLab and in Notebook 7. */
const PANEL_CLASS = 'jp-RunningSessions';

/** Lists training jobs in progress and endpoints in service among the running sessions. */
export const running: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:running',
  description:
    'Lists training jobs in progress and endpoints in service among the running sessions.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [IRunningSessionManagers, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    managers: IRunningSessionManagers | null,
    translator: ITranslator | null
  ): void => {
    if (managers === null) {
      return;
    }
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    managers.add(trainingJobs(studio, app.commands, trans));
    managers.add(endpoints(studio, app.commands, trans));
    void app.restored.then(() => {
      for (const panel of runningPanels(app.shell)) {
        watchWhileVisible(panel, [studio.running]);
      }
    });
  }
};

function trainingJobs(
  studio: IMLStudio,
  commands: CommandRegistry,
  trans: TranslationBundle
): IRunningSessions.IManager {
  return {
    name: trans.__('Training Jobs'),
    supportsMultipleViews: false,
    running: () =>
      (studio.running.value?.trainingJobs ?? []).map(job => {
        const name = job.TrainingJobName ?? '';
        return {
          ...item(name, job.TrainingJobStatus, job.CreationTime, trans),
          open: () =>
            void commands.execute(CommandIDs.openTrainingJob, { name }),
          shutdown: () =>
            void commands.execute(CommandIDs.stopTrainingJobs, {
              names: [name]
            })
        };
      }),
    runningChanged: studio.running.changed,
    refreshRunning: () => void studio.running.refresh(),
    shutdownAll: () =>
      void commands.execute(CommandIDs.stopAllTrainingJobs, {
        confirmed: true
      }),
    shutdownLabel: trans.__('Stop Training Job'),
    shutdownAllLabel: trans.__('Stop All'),
    shutdownAllConfirmationText: () =>
      trans._n(
        'One training job is stopped. It cannot go on later. What it has written to its model folder is kept.',
        '%1 training jobs are stopped. They cannot go on later. What they have written to their model folders is kept.',
        studio.running.value?.trainingJobs.length ?? 0
      )
  };
}

function endpoints(
  studio: IMLStudio,
  commands: CommandRegistry,
  trans: TranslationBundle
): IRunningSessions.IManager {
  return {
    name: trans.__('Endpoints'),
    supportsMultipleViews: false,
    running: () =>
      (studio.running.value?.endpoints ?? []).map(endpoint => {
        const name = endpoint.EndpointName ?? '';
        return {
          ...item(name, endpoint.EndpointStatus, endpoint.CreationTime, trans),
          open: () => void commands.execute(CommandIDs.openEndpoint, { name }),
          shutdown: () =>
            void commands.execute(CommandIDs.deleteEndpoint, { name })
        };
      }),
    runningChanged: studio.running.changed,
    refreshRunning: () => void studio.running.refresh(),
    shutdownAll: () =>
      void commands.execute(CommandIDs.deleteAllEndpoints, { confirmed: true }),
    shutdownLabel: trans.__('Delete Endpoint'),
    shutdownAllLabel: trans.__('Delete All'),
    shutdownAllConfirmationText: () =>
      trans._n(
        'One endpoint is deleted and stops to answer requests. Its model and its configuration are kept.',
        '%1 endpoints are deleted and stop to answer requests. Their models and configurations are kept.',
        studio.running.value?.endpoints.length ?? 0
      )
  };
}

function item(
  name: string,
  status: string | undefined,
  created: Date | undefined,
  trans: TranslationBundle
): IRunningSessions.IRunningItem {
  return {
    context: name,
    icon: () => mlstudioIcon,
    label: () => name,
    labelTitle: () =>
      trans.__(
        '%1: %2, created %3',
        name,
        statusWord(status, trans),
        created ? absoluteTime(created) : ''
      ),
    detail: () => (created ? relativeTime(created, new Date()) : '')
  };
}

/** The panels that list what runs; in Notebook 7 one is a tab of the main panel. */
function* runningPanels(shell: JupyterFrontEnd.IShell): Iterable<Widget> {
  for (const area of ['left', 'right', 'main'] as const) {
    for (const widget of shell.widgets(area)) {
      yield* withClass(widget, PANEL_CLASS);
    }
  }
}

function* withClass(widget: Widget, name: string): Iterable<Widget> {
  if (widget.hasClass(name)) {
    yield widget;
    return;
  }
  for (const child of widget.children()) {
    yield* withClass(child, name);
  }
}
