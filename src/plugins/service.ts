import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { StudioClient } from '../api/client';
import { addCopyCommands, addStudioCommands, CommandIDs } from '../commands';
import { DOMAIN } from '../components/translation';
import { preferences } from '../model/preferences';
import { StudioModel } from '../model/studio';
import { IMLStudio } from '../tokens';

/** Provides the studio and the commands that need nothing but it. */
export const service: JupyterFrontEndPlugin<IMLStudio> = {
  id: 'jupyter-mlstudio:service',
  description: 'Provides the machine learning studio and its commands.',
  autoStart: true,
  provides: IMLStudio,
  optional: [ITranslator, ICommandPalette, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null
  ): IMLStudio => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { serviceManager } = app;
    const studio = new StudioModel(
      new StudioClient(serviceManager.serverSettings),
      serviceManager.events.stream
    );
    addStudioCommands(app.commands, studio, trans);
    addCopyCommands(app.commands, studio, trans);
    for (const command of [
      CommandIDs.deleteAllEndpoints,
      CommandIDs.refreshResources,
      CommandIDs.startStudio,
      CommandIDs.stopAllTrainingJobs
    ]) {
      palette?.addItem({
        command,
        category: trans.__('Machine Learning Studio')
      });
    }
    if (settings) {
      void followSettings(settings, studio);
    }
    return studio;
  }
};

async function followSettings(
  registry: ISettingRegistry,
  studio: IMLStudio
): Promise<void> {
  const settings = await registry.load(service.id);
  const apply = () => {
    const value = <T>(name: string) => settings.get(name).composite as T;
    studio.pollInterval = value('pollInterval');
    preferences.set({ times: value('times'), smoothing: value('smoothing') });
  };
  settings.changed.connect(apply);
  apply();
}
