import { SidePanel } from '@jupyterlab/ui-components';
import type { ITranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { PanelWidget } from '../../components/panelwidget';
import { Banner } from '../../components/states';
import { DOMAIN } from '../../components/translation';
import { CommandIDs } from '../../commands';
import { mlstudioIcon } from '../../icons';
import type { IMLStudio } from '../../tokens';
import { EndpointList } from './endpoints';
import { StudioHeader } from './header';
import { TrainingJobList } from './jobs';
import { Welcome } from './welcome';

/** JupyterLab's command that asks for the path of a file. */
const OPEN_FILE = 'filebrowser:open-path';

/** The studio at a glance: a section per kind of resource. */
export class Sidebar extends SidePanel {
  constructor(
    studio: IMLStudio,
    commands: CommandRegistry,
    translator: ITranslator
  ) {
    super({ translator });
    const trans = translator.load(DOMAIN);
    this.id = 'jupyter-mlstudio-sidebar';
    this.addClass('jp-MLStudio-sidebar');
    this.title.icon = mlstudioIcon;
    this.title.caption = trans.__('Machine learning studio');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', this.title.caption);
    const run = (id: string) => (name: string) =>
      void commands.execute(id, { name });
    const start = () => commands.execute(CommandIDs.startStudio);
    this._addSection(
      this.header,
      <>
        <StudioHeader status={studio.status} />
        <Banner connection={studio.connection} onStart={start} />
        <Welcome
          studio={studio}
          onQuickstart={() => void commands.execute(CommandIDs.openQuickstart)}
          onConnect={() => void commands.execute(CommandIDs.connectToStudio)}
          onOpenNotebook={() => void commands.execute(OPEN_FILE)}
        />
      </>,
      [studio.status],
      translator
    );
    this._addSection(
      this,
      <TrainingJobList
        model={studio.trainingJobs}
        onOpen={run(CommandIDs.openTrainingJob)}
        onStop={name =>
          void commands.execute(CommandIDs.stopTrainingJobs, { names: [name] })
        }
        onStart={start}
      />,
      [studio.trainingJobs],
      translator,
      trans.__('Training jobs')
    );
    this._addSection(
      this,
      <EndpointList
        model={studio.endpoints}
        onOpen={run(CommandIDs.openEndpoint)}
        onDelete={run(CommandIDs.deleteEndpoint)}
        onStart={start}
      />,
      [studio.endpoints],
      translator,
      trans.__('Endpoints')
    );
  }

  private _addSection(
    parent: { addWidget(widget: PanelWidget): void },
    element: JSX.Element,
    models: ConstructorParameters<typeof PanelWidget>[2],
    translator: ITranslator,
    label = ''
  ): void {
    const widget = new PanelWidget(element, translator.load(DOMAIN), models);
    widget.title.label = label;
    parent.addWidget(widget);
  }
}
