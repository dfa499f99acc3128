import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { mlstudioIcon } from '../icons';
import { CommandIDs } from './ids';
import { NAME_ARG, nameOf, NO_ARGS, reportErrors } from './support';

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
  // The code of a panel is fetched when it is wanted first, which may fail.
  const open = (what: string, action: () => Promise<void>) =>
    reportErrors(trans.__('%1 could not be opened', what), action);
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
    execute: args => {
      const name = nameOf(args);
      return open(name, () => views.openTrainingJob(name));
    }
  });
  commands.addCommand(CommandIDs.openTrainingJobs, {
    label: trans.__('Training Jobs'),
    caption: trans.__('Find, sort and compare training jobs'),
    icon: mlstudioIcon,
    describedBy: NO_ARGS,
    execute: () =>
      open(trans.__('Training jobs'), () => views.openTrainingJobs())
  });
  commands.addCommand(CommandIDs.openEndpoint, {
    label: trans.__('Open Endpoint'),
    icon: mlstudioIcon,
    describedBy: NAME_ARG,
    execute: args => {
      const name = nameOf(args);
      return open(name, () => views.openEndpoint(name));
    }
  });
}
