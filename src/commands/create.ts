import { copyIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { mlstudioIcon } from '../icons';
import { CommandIDs } from './ids';
import { NAME_ARG, nameOf, NO_ARGS } from './support';

/** What the commands of the form that makes a training job do with it. */
export interface ICreateViews {
  /** Whether the form is open. */
  isOpen(): boolean;
  open(): Promise<void>;
  clone(name: string): Promise<void>;
  /** With a script of the Jupyter server; without a path what the file browser has selected. */
  train(path?: string): Promise<void>;
  submit(): Promise<void>;
  clear(): Promise<void>;
  copy(): void;
}

const PATH_ARG = {
  args: {
    type: 'object',
    properties: {
      path: {
        type: 'string',
        description: 'The path of the script; by default the selected file'
      }
    }
  }
} as const;

/** Add the commands that make a training job. */
export function addCreateCommands(
  commands: CommandRegistry,
  views: ICreateViews,
  trans: TranslationBundle
): void {
  commands.addCommand(CommandIDs.createTrainingJob, {
    label: trans.__('Create Training Job'),
    caption: trans.__('Describe a training job and start it'),
    icon: mlstudioIcon,
    describedBy: NO_ARGS,
    execute: () => views.open()
  });
  commands.addCommand(CommandIDs.cloneTrainingJob, {
    label: trans.__('Clone and Edit Training Job…'),
    icon: copyIcon,
    describedBy: NAME_ARG,
    execute: args => views.clone(nameOf(args))
  });
  commands.addCommand(CommandIDs.trainWithScript, {
    label: trans.__('Train with This Script…'),
    icon: mlstudioIcon,
    describedBy: PATH_ARG,
    execute: ({ path }) =>
      views.train(typeof path === 'string' ? path : undefined)
  });
  const ofForm: [string, string, () => Promise<void> | void][] = [
    [
      CommandIDs.submitTrainingJob,
      trans.__('Start the Training Job That Is Described'),
      () => views.submit()
    ],
    [
      CommandIDs.clearTrainingJobForm,
      trans.__('Start Over with the Training Job'),
      () => views.clear()
    ],
    [
      CommandIDs.copyTrainingJobForm,
      trans.__('Copy What Is Described as boto3 Code'),
      () => views.copy()
    ]
  ];
  for (const [id, label, execute] of ofForm) {
    commands.addCommand(id, {
      label,
      describedBy: NO_ARGS,
      isEnabled: () => views.isOpen(),
      execute
    });
  }
}
