import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import { TranslationContext } from '../../components/translation';
import { watchWhileVisible } from '../../components/watching';
import type { IMLStudio } from '../../tokens';
import { StudioStatus } from './status';

/** The studio in the status bar, kept up to date while the bar is visible. */
export class StatusItem extends ReactWidget {
  constructor(
    private readonly _studio: IMLStudio,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-MLStudio-statusItem');
    watchWhileVisible(this, [_studio.running]);
  }

  protected override render(): JSX.Element {
    return (
      <TranslationContext.Provider value={this._trans}>
        <StudioStatus
          running={this._studio.running}
          connection={this._studio.connection}
          onOpen={() =>
            void this._commands.execute(CommandIDs.openTrainingJobs)
          }
        />
      </TranslationContext.Provider>
    );
  }
}
