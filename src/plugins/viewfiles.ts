import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { showErrorMessage } from '@jupyterlab/apputils';
import {
  ABCWidgetFactory,
  type DocumentRegistry,
  DocumentWidget
} from '@jupyterlab/docregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Panel } from '@lumino/widgets';

import { DOMAIN } from '../components/translation';
import { mlstudioIcon } from '../icons';
import { IMLStudio } from '../tokens';

/** What opens files with views of comparisons. */
const FACTORY = 'Comparison';

/** Opens `.mlview` files from the file browser. */
export const viewFiles: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlstudio:view-files',
  description: 'Opens files that keep a comparison of runs.',
  autoStart: true,
  requires: [IMLStudio],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    studio: IMLStudio,
    translator: ITranslator | null
  ): void => {
    const languages = translator ?? nullTranslator;
    const trans = languages.load(DOMAIN);
    app.docRegistry.addFileType({
      name: 'mlview',
      displayName: trans.__('Comparison of runs'),
      contentType: 'file',
      fileFormat: 'text',
      mimeTypes: ['application/json'],
      extensions: ['.mlview'],
      icon: mlstudioIcon
    });
    const fill = async (panel: Panel, context: DocumentRegistry.Context) => {
      try {
        await context.ready;
        const { fillDocument } = await import('../panels/compare/document');
        if (!panel.isDisposed) {
          fillDocument(panel, context, {
            studio,
            commands: app.commands,
            translator: languages
          });
        }
      } catch (reason) {
        await showErrorMessage(
          trans.__('The comparison could not be opened'),
          String(reason)
        );
      }
    };
    app.docRegistry.addWidgetFactory(
      new ViewFactory(
        {
          name: FACTORY,
          label: trans.__('Comparison of runs'),
          modelName: 'text',
          fileTypes: ['mlview'],
          defaultFor: ['mlview'],
          translator: languages
        },
        (panel, context) => void fill(panel, context)
      )
    );
  }
};

/** Makes a panel at once, in which a comparison appears when its code is there. */
class ViewFactory extends ABCWidgetFactory<DocumentWidget<Panel>> {
  constructor(
    options: DocumentRegistry.IWidgetFactoryOptions<DocumentWidget<Panel>>,
    private readonly _fill: (
      panel: Panel,
      context: DocumentRegistry.Context
    ) => void
  ) {
    super(options);
  }

  protected override createNewWidget(
    context: DocumentRegistry.Context
  ): DocumentWidget<Panel> {
    const content = new Panel();
    content.addClass('jp-MLStudio-viewFile');
    this._fill(content, context);
    return new DocumentWidget({ content, context });
  }
}
