import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { IRemoteModel } from '../tokens';
import { TranslationContext } from './translation';
import { watchWhileVisible } from './watching';

/** A React component in a widget; what it shows is kept up to date while it is visible. */
export class PanelWidget extends ReactWidget {
  constructor(
    private readonly _element: JSX.Element,
    private readonly _trans: TranslationBundle,
    models: readonly IRemoteModel<unknown>[]
  ) {
    super();
    this.addClass('jp-MLStudio-panel');
    watchWhileVisible(this, models);
  }

  protected override render(): JSX.Element {
    return (
      <TranslationContext.Provider value={this._trans}>
        {this._element}
      </TranslationContext.Provider>
    );
  }
}
