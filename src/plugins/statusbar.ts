import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import { DOMAIN } from '../components/translation';
import { IMLStudio } from '../tokens';

/** Says in the status bar how many jobs run and what they have of the machine. */
export const statusBar: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:statusbar',
  description:
    'Says in the status bar how many training jobs run and what they have of the machine.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [IStatusBar, ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    bar: IStatusBar | null,
    translator: ITranslator | null,
    registry: ISettingRegistry | null
  ): void => {
    if (bar === null) {
      return;
    }
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    void app.restored.then(async () => {
      const [{ StatusItem }, settings] = await Promise.all([
        import('../panels/statusbar'),
        registry?.load(statusBar.id)
      ]);
      const item = new StatusItem(studio, app.commands, trans);
      const activeStateChanged = new Signal<unknown, void>(item);
      settings?.changed.connect(() => activeStateChanged.emit());
      bar.registerStatusItem(statusBar.id, {
        item,
        align: 'left',
        rank: 10,
        isActive: () => settings?.get('enabled').composite !== false,
        activeStateChanged
      });
    });
  }
};
