import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commands';
import { DOMAIN } from '../components/translation';
import { IMLStudio, type IResourceEvent } from '../tokens';

/** Says once that a training job ended, and how. */
export const notifications: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:notifications',
  description: 'Notifies when a training job ends.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    translator: ITranslator | null,
    registry: ISettingRegistry | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const settings = registry?.load(notifications.id);
    const notify = async ({ name, status }: IResourceEvent) => {
      if ((await settings)?.get('enabled').composite === false) {
        return;
      }
      const options = {
        autoClose: 8000,
        actions: [
          {
            label: trans.__('Open'),
            callback: () =>
              void app.commands.execute(CommandIDs.openTrainingJob, { name })
          }
        ]
      };
      switch (status) {
        case 'Completed':
          Notification.success(trans.__('%1 completed', name), options);
          break;
        case 'Failed':
          Notification.error(trans.__('%1 failed', name), options);
          break;
        case 'Stopped':
          Notification.info(trans.__('%1 stopped', name), options);
          break;
      }
    };
    studio.resourceChanged.connect((_, event) => {
      if (event.kind === 'TrainingJob') {
        void notify(event);
      }
    });
  }
};
