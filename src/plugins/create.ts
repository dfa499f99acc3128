import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Clipboard,
  Dialog,
  ICommandPalette,
  type MainAreaWidget,
  Notification,
  showDialog,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addCreateCommands, CommandIDs } from '../commands';
import { DOMAIN } from '../components/translation';
import type { CreateWidget } from '../panels/create';
import { IMLStudio } from '../tokens';
import { selectedPaths, show } from './panels';

const ID = 'mlstudio-create-training-job';

/** Adds the form that makes a training job. */
export const create: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:create',
  description: 'Makes training jobs from a form.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [
    ITranslator,
    ICommandPalette,
    ILayoutRestorer,
    ILauncher,
    IStateDB,
    IFileBrowserFactory
  ],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    launcher: ILauncher | null,
    state: IStateDB | null,
    files: IFileBrowserFactory | null
  ): void => {
    const languages = translator ?? nullTranslator;
    const trans = languages.load(DOMAIN);
    const category = trans.__('Machine Learning Studio');
    const tracker = new WidgetTracker<MainAreaWidget<CreateWidget>>({
      namespace: ID
    });
    const choosers = {
      chooseUri: async (start: string) => {
        const { chooseUri } = await import('../panels/s3');
        return chooseUri(studio, app.commands, languages, start);
      },
      chooseFile: async () => {
        const browser = files?.tracker.currentWidget;
        if (!browser) {
          return null;
        }
        const { FileDialog } = await import('@jupyterlab/filebrowser');
        const { value } = await FileDialog.getOpenFiles({
          manager: browser.model.manager,
          title: trans.__('Choose a script'),
          translator: languages
        });
        const [file] = value ?? [];
        return file ? app.serviceManager.contents.localPath(file.path) : null;
      }
    };
    const current = () => tracker.find(() => true)?.content;
    const open = async (): Promise<CreateWidget> => {
      await show(app, tracker, ID, async () => {
        const { createPanel } = await import('../panels/create');
        return createPanel(studio, app.commands, languages, state, choosers);
      });
      const content = current();
      if (!content) {
        throw new Error(trans.__('The form was closed while it was opened.'));
      }
      return content;
    };
    /** Ask before what was typed is replaced. */
    const mayReplace = async ({ model }: CreateWidget): Promise<boolean> => {
      if (!model.isDirty) {
        return true;
      }
      const { button } = await showDialog({
        title: trans.__('Replace what is in the form?'),
        body: trans.__('What you have typed into it will be gone.'),
        buttons: [
          Dialog.cancelButton({ label: trans.__('Cancel') }),
          Dialog.warnButton({ label: trans.__('Replace') })
        ]
      });
      return button.accept;
    };
    addCreateCommands(
      app.commands,
      {
        isOpen: () => current() !== undefined,
        open: async () => {
          await open();
        },
        clone: async name => {
          const { requestLike } = await import('../model/snippets');
          const { job } = await studio.client.trainingJob(name);
          const content = await open();
          if (await mayReplace(content)) {
            content.model.fill(requestLike(job));
          }
        },
        train: async path => {
          const [script] = path ? [path] : selectedPaths(app, files);
          if (script === undefined) {
            return;
          }
          const content = await open();
          if (await mayReplace(content)) {
            await content.form.refresh();
            if (content.form.value) {
              content.model.begin(content.form.value, script);
            }
          }
        },
        submit: async () => {
          const content = current();
          const name = content?.form.value
            ? await content.model.submit(content.form.value)
            : null;
          if (name !== null) {
            content?.model.rename();
            await app.commands.execute(CommandIDs.openTrainingJob, { name });
          }
        },
        clear: async () => {
          const content = current();
          if (content?.form.value && (await mayReplace(content))) {
            content.model.clear(content.form.value);
          }
        },
        copy: () => {
          const code = current()?.code();
          if (code !== undefined) {
            Clipboard.copyToSystem(code);
            Notification.success(trans.__('The code is in the clipboard'), {
              autoClose: 3000
            });
          }
        }
      },
      trans
    );
    void restorer?.restore(tracker, {
      command: CommandIDs.createTrainingJob,
      name: () => ID
    });
    for (const command of [
      CommandIDs.clearTrainingJobForm,
      CommandIDs.copyTrainingJobForm,
      CommandIDs.createTrainingJob,
      CommandIDs.submitTrainingJob,
      CommandIDs.trainWithScript
    ]) {
      palette?.addItem({ command, category });
    }
    launcher?.add({ command: CommandIDs.createTrainingJob, category, rank: 2 });
    if (files) {
      app.contextMenu.addItem({
        command: CommandIDs.trainWithScript,
        selector: '.jp-DirListing-item[data-file-type="python"]',
        rank: 29
      });
    }
  }
};
