import { Notification } from '@jupyterlab/apputils';
import { deleteIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type { IRunning } from '../api/types';
import { mlstudioIcon } from '../icons';
import type { IMLStudio } from '../tokens';
import { CommandIDs } from './ids';
import {
  confirmed,
  CONFIRMED_ARG,
  each,
  NAME_ARG,
  nameOf,
  NAMES_ARG,
  namesOf,
  NO_ARGS,
  reportErrors
} from './support';

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
  commands.addCommand(CommandIDs.stopTrainingJobs, {
    label: trans.__('Stop Training Jobs…'),
    icon: stopIcon,
    describedBy: NAMES_ARG,
    execute: args => {
      const names = namesOf(args);
      return confirmed(trans, {
        title:
          names.length === 1
            ? trans.__('Stop training job %1?', names[0])
            : trans.__('Stop %1 jobs?', names.length),
        body: trans._n(
          'It cannot go on later. What it has written to its model folder is kept.',
          'They cannot go on later. What they have written to their model folders is kept.',
          names.length
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
  commands.addCommand(CommandIDs.stopAllTrainingJobs, {
    label: trans.__('Stop All Training Jobs…'),
    icon: stopIcon,
    describedBy: CONFIRMED_ARG,
    execute: async args => {
      const names = await running(studio, ({ trainingJobs }) =>
        trainingJobs.map(job => job.TrainingJobName)
      );
      if (args.confirmed !== true && names.length > 0) {
        return commands.execute(CommandIDs.stopTrainingJobs, { names });
      }
      return toAll(names, name => studio.stopTrainingJob(name), {
        none: trans.__('No training job is in progress'),
        failure: trans.__('Not all could be stopped')
      });
    }
  });
  commands.addCommand(CommandIDs.deleteAllEndpoints, {
    label: trans.__('Delete All Endpoints in Service…'),
    icon: deleteIcon,
    describedBy: CONFIRMED_ARG,
    execute: async args => {
      const names = await running(studio, ({ endpoints }) =>
        endpoints.map(endpoint => endpoint.EndpointName)
      );
      const remove = (name: string) => studio.deleteEndpoint(name);
      const failure = trans.__('Not all could be deleted');
      if (args.confirmed !== true && names.length > 0) {
        return confirmed(trans, {
          title: trans._n(
            'Delete %1 endpoint?',
            'Delete %1 endpoints?',
            names.length
          ),
          body: trans.__(
            'They stop to answer requests. Their models and configurations are kept.'
          ),
          label: trans.__('Delete'),
          failure,
          action: () => each(names, remove)
        });
      }
      return toAll(names, remove, {
        none: trans.__('No endpoint is in service'),
        failure
      });
    }
  });
}

/** The names of what runs, as of now. */
async function running(
  studio: IMLStudio,
  namesIn: (running: IRunning) => (string | undefined)[]
): Promise<string[]> {
  await studio.running.refresh();
  const { value } = studio.running;
  return value ? namesIn(value).flatMap(name => name ?? []) : [];
}

async function toAll(
  names: readonly string[],
  action: (name: string) => Promise<void>,
  words: { none: string; failure: string }
): Promise<void> {
  if (names.length === 0) {
    Notification.info(words.none, { autoClose: 3000 });
    return;
  }
  await reportErrors(words.failure, () => each(names, action));
}
