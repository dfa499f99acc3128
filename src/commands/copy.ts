import { Clipboard, Notification } from '@jupyterlab/apputils';
import { copyIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { asBoto3, asCli, asSdk, requestLike } from '../model/snippets';
import type { IMLStudio } from '../tokens';
import { CommandIDs } from './ids';
import { NAME_ARG, nameOf, reportErrors } from './support';

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
    CommandIDs.copyTrainingJobAsSdk,
    trans.__('Copy Training Job as SageMaker SDK Code'),
    asSdk
  );
  add(
    CommandIDs.copyTrainingJobAsCli,
    trans.__('Copy Training Job as AWS CLI Command'),
    asCli
  );
}
