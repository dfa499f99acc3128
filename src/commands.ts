import {
  Clipboard,
  Dialog,
  Notification,
  showDialog,
  showErrorMessage
} from '@jupyterlab/apputils';
import {
  copyIcon,
  refreshIcon,
  stopIcon,
  deleteIcon
} from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { mlstudioIcon } from './icons';
import { asBoto3, asCli, requestLike } from './model/snippets';
import type { IMLStudio } from './tokens';

/** The ids of all commands. */
export namespace CommandIDs {
  export const copyTrainingJobAsBoto3 = 'mlstudio:copy-training-job-as-boto3';
  export const copyTrainingJobAsCli = 'mlstudio:copy-training-job-as-cli';
  export const deleteEndpoint = 'mlstudio:delete-endpoint';
  export const deleteTrainingJobs = 'mlstudio:delete-training-jobs';
  export const openEndpoint = 'mlstudio:open-endpoint';
  export const openTrainingJob = 'mlstudio:open-training-job';
  export const openTrainingJobs = 'mlstudio:open-training-jobs';
  export const refreshResources = 'mlstudio:refresh-resources';
  export const showSidebar = 'mlstudio:show-sidebar';
  export const startStudio = 'mlstudio:start-studio';
  export const stopTrainingJob = 'mlstudio:stop-training-job';
  export const stopTrainingJobs = 'mlstudio:stop-training-jobs';
}

/** The commands that make sense without arguments, and so go to the palette. */
export const PALETTE = [
  CommandIDs.openTrainingJobs,
  CommandIDs.refreshResources,
  CommandIDs.showSidebar,
  CommandIDs.startStudio
];

const NO_ARGS = { args: { type: 'object', properties: {} } } as const;

const NAME_ARG = {
  args: {
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string', description: 'The name of the resource' }
    }
  }
} as const;

const NAMES_ARG = {
  args: {
    type: 'object',
    required: ['names'],
    properties: {
      names: {
        type: 'array',
        items: { type: 'string' },
        description: 'The names of the resources'
      }
    }
  }
} as const;

/** Add the commands that change the studio or read it again. */
export function addStudioCommands(
  commands: CommandRegistry,
  studio: IMLStudio,
  trans: TranslationBundle
): void {
  commands.addCommand(CommandIDs.refreshResources, {
    label: trans.__('Refresh Training Jobs and Endpoints'),
    icon: refreshIcon,
    describedBy: NO_ARGS,
    execute: () =>
      Promise.all(
        [studio.status, studio.trainingJobs, studio.endpoints].map(model =>
          model.refresh()
        )
      )
  });
  commands.addCommand(CommandIDs.startStudio, {
    label: trans.__('Start the Machine Learning Studio'),
    icon: mlstudioIcon,
    describedBy: NO_ARGS,
    execute: () =>
      reportErrors(trans.__('The studio could not be started'), () =>
        studio.start()
      )
  });
  commands.addCommand(CommandIDs.stopTrainingJob, {
    label: trans.__('Stop Training Job…'),
    icon: stopIcon,
    describedBy: NAME_ARG,
    execute: args => {
      const name = nameOf(args);
      return confirmed(trans, {
        title: trans.__('Stop training job %1?', name),
        body: trans.__(
          'It cannot go on later. What it has written to its model folder is kept.'
        ),
        label: trans.__('Stop'),
        failure: trans.__('%1 could not be stopped', name),
        action: () => studio.stopTrainingJob(name)
      });
    }
  });
  commands.addCommand(CommandIDs.stopTrainingJobs, {
    label: trans.__('Stop Training Jobs…'),
    icon: stopIcon,
    describedBy: NAMES_ARG,
    execute: args => {
      const names = namesOf(args);
      return confirmed(trans, {
        title: trans._n('Stop %1 job?', 'Stop %1 jobs?', names.length),
        body: trans.__(
          'They cannot go on later. What they have written to their model folders is kept.'
        ),
        label: trans.__('Stop'),
        failure: trans.__('Not all could be stopped'),
        action: () => each(names, name => studio.stopTrainingJob(name))
      });
    }
  });
  commands.addCommand(CommandIDs.deleteTrainingJobs, {
    label: trans.__('Delete Training Jobs…'),
    icon: deleteIcon,
    describedBy: NAMES_ARG,
    execute: args => {
      const names = namesOf(args);
      return confirmed(trans, {
        title: trans._n('Delete %1 job?', 'Delete %1 jobs?', names.length),
        body: trans.__(
          'Their metrics and their trial components go with them. Their models and outputs in S3 and their logs are kept.'
        ),
        label: trans.__('Delete'),
        failure: trans.__('Not all could be deleted'),
        action: () => each(names, name => studio.deleteTrainingJob(name))
      });
    }
  });
  commands.addCommand(CommandIDs.deleteEndpoint, {
    label: trans.__('Delete Endpoint…'),
    icon: deleteIcon,
    describedBy: NAME_ARG,
    execute: args => {
      const name = nameOf(args);
      return confirmed(trans, {
        title: trans.__('Delete endpoint %1?', name),
        body: trans.__(
          'It stops to answer requests. Its model and its configuration are kept.'
        ),
        label: trans.__('Delete'),
        failure: trans.__('%1 could not be deleted', name),
        action: () => studio.deleteEndpoint(name)
      });
    }
  });
}

/** Add the commands that copy what makes a training job like one there is. */
export function addCopyCommands(
  commands: CommandRegistry,
  studio: IMLStudio,
  trans: TranslationBundle
): void {
  const add = (
    id: string,
    label: string,
    write: (request: Record<string, unknown>) => string
  ) =>
    commands.addCommand(id, {
      label,
      icon: copyIcon,
      describedBy: NAME_ARG,
      execute: args => {
        const name = nameOf(args);
        return reportErrors(
          trans.__('%1 could not be copied', name),
          async () => {
            const { job } = await studio.client.trainingJob(name);
            Clipboard.copyToSystem(write(requestLike(job)));
            Notification.success(trans.__('%1 is in the clipboard', name), {
              autoClose: 3000
            });
          }
        );
      }
    });
  add(
    CommandIDs.copyTrainingJobAsBoto3,
    trans.__('Copy Training Job as boto3 Code'),
    asBoto3
  );
  add(
    CommandIDs.copyTrainingJobAsCli,
    trans.__('Copy Training Job as AWS CLI Command'),
    asCli
  );
}

/** What the commands that show something need to know of the application. */
export interface IViews {
  showSidebar(): void;
  openTrainingJob(name: string): Promise<void>;
  openTrainingJobs(): Promise<void>;
  openEndpoint(name: string): Promise<void>;
}

/** Add the commands that show something. */
export function addViewCommands(
  commands: CommandRegistry,
  views: IViews,
  trans: TranslationBundle
): void {
  commands.addCommand(CommandIDs.showSidebar, {
    label: trans.__('Show Training Jobs and Endpoints'),
    icon: mlstudioIcon,
    describedBy: NO_ARGS,
    execute: () => views.showSidebar()
  });
  commands.addCommand(CommandIDs.openTrainingJob, {
    label: trans.__('Open Training Job'),
    icon: mlstudioIcon,
    describedBy: NAME_ARG,
    execute: args => views.openTrainingJob(nameOf(args))
  });
  commands.addCommand(CommandIDs.openTrainingJobs, {
    label: trans.__('Training Jobs'),
    caption: trans.__('Find, sort and compare training jobs'),
    icon: mlstudioIcon,
    describedBy: NO_ARGS,
    execute: () => views.openTrainingJobs()
  });
  commands.addCommand(CommandIDs.openEndpoint, {
    label: trans.__('Open Endpoint'),
    icon: mlstudioIcon,
    describedBy: NAME_ARG,
    execute: args => views.openEndpoint(nameOf(args))
  });
}

function nameOf(args: ReadonlyPartialJSONObject): string {
  const { name } = args;
  if (typeof name !== 'string' || name === '') {
    throw new Error('The argument "name" is missing.');
  }
  return name;
}

function namesOf(args: ReadonlyPartialJSONObject): string[] {
  const { names } = args;
  if (!Array.isArray(names) || names.length === 0) {
    throw new Error('The argument "names" is missing.');
  }
  return names.map(String);
}

/** Do something with each; what failed is said at the end, all of it. */
async function each(
  names: readonly string[],
  action: (name: string) => Promise<void>
): Promise<void> {
  const problems: string[] = [];
  for (const name of names) {
    try {
      await action(name);
    } catch (reason) {
      problems.push(`${name}: ${textOf(reason)}`);
    }
  }
  if (problems.length > 0) {
    throw new Error(problems.join('\n'));
  }
}

/** Do what cannot be taken back once the user has agreed to it. */
async function confirmed(
  trans: TranslationBundle,
  step: {
    title: string;
    body: string;
    label: string;
    failure: string;
    action: () => Promise<void>;
  }
): Promise<void> {
  const { button } = await showDialog({
    title: step.title,
    body: step.body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: step.label })
    ]
  });
  if (button.accept) {
    await reportErrors(step.failure, step.action);
  }
}

async function reportErrors(
  title: string,
  action: () => Promise<void>
): Promise<void> {
  try {
    await action();
  } catch (reason) {
    await showErrorMessage(title, textOf(reason));
  }
}

function textOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
