import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  type MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addS3Commands, CommandIDs } from '../commands';
import { DOMAIN } from '../components/translation';
import { parseUri, toUri } from '../model/s3uri';
import type { S3Widget } from '../panels/s3';
import { IMLStudio } from '../tokens';
import { selectedPaths, show } from './panels';

const ID = 'mlstudio-s3';

/** Adds the S3 browser. */
export const s3: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:s3',
  description: 'Looks through S3, uploads, downloads and deletes.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [
    ITranslator,
    ICommandPalette,
    ILayoutRestorer,
    ILauncher,
    IFileBrowserFactory
  ],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    launcher: ILauncher | null,
    files: IFileBrowserFactory | null
  ): void => {
    const languages = translator ?? nullTranslator;
    const trans = languages.load(DOMAIN);
    const category = trans.__('Machine Learning Studio');
    const { commands } = app;
    const tracker = new WidgetTracker<MainAreaWidget<S3Widget>>({
      namespace: ID
    });

    const open = async (uri = '') => {
      const panels = await import('../panels/s3');
      const known = tracker.find(() => true);
      if (known && uri) {
        void known.content.model.open(parseUri(uri) ?? { bucket: '', key: '' });
      }
      await show(app, tracker, ID, async () => {
        const panel = panels.s3Panel(studio, commands, languages, uri);
        const { model } = panel.content;
        let place = model.location;
        // The place that is open is kept for the next time.
        model.changed.connect(() => {
          if (model.location !== place) {
            place = model.location;
            void tracker.save(panel);
          }
        });
        return panel;
      });
    };
    addS3Commands(
      commands,
      studio,
      {
        open,
        upload: async (location, folder) => {
          const panels = await import('../panels/s3');
          await panels.uploadChosen(studio, location, folder);
        },
        uploadPaths: async paths => {
          const chosen = paths ?? selectedPaths(app, files);
          const panels = await import('../panels/s3');
          const uri = await panels.chooseUri(studio, commands, languages, '');
          const place = uri === null ? null : parseUri(uri);
          if (place?.bucket && chosen.length > 0) {
            const key = place.key.slice(0, place.key.lastIndexOf('/') + 1);
            panels.uploadPaths(studio, { ...place, key }, chosen);
            await open(toUri({ ...place, key }));
          }
        }
      },
      trans
    );
    void restorer?.restore(tracker, {
      command: CommandIDs.openS3,
      args: panel => ({ uri: toUri(panel.content.model.location) }),
      name: () => ID
    });
    for (const command of [
      CommandIDs.createS3Bucket,
      CommandIDs.openS3,
      CommandIDs.uploadFilesToS3
    ]) {
      palette?.addItem({ command, category });
    }
    launcher?.add({ command: CommandIDs.openS3, category, rank: 3 });
    if (files) {
      app.contextMenu.addItem({
        command: CommandIDs.uploadFilesToS3,
        selector: '.jp-DirListing-item',
        rank: 30
      });
    }
  }
};
