import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import React from 'react';

import type { IRemoteModel } from '../tokens';
import { TranslationContext } from './translation';

/** A React component in a widget; what it shows is kept up to date while it is visible. */
export class PanelWidget extends ReactWidget {
  constructor(
    private readonly _element: JSX.Element,
    private readonly _trans: TranslationBundle,
    private readonly _models: readonly IRemoteModel<unknown>[]
  ) {
    super();
    this.addClass('jp-MLStudio-panel');
  }

  override dispose(): void {
    this._unwatch();
    super.dispose();
  }

  protected override render(): JSX.Element {
    return (
      <TranslationContext.Provider value={this._trans}>
        {this._element}
      </TranslationContext.Provider>
    );
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._watch();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this._watch();
    }
  }

  protected override onBeforeHide(message: Message): void {
    this._unwatch();
    super.onBeforeHide(message);
  }

  protected override onBeforeDetach(message: Message): void {
    this._unwatch();
    super.onBeforeDetach(message);
  }

  private _watch(): void {
    if (this._watches.length === 0) {
      this._watches = this._models.map(model => model.watch());
    }
  }

  private _unwatch(): void {
    this._watches.forEach(watch => watch.dispose());
    this._watches = [];
  }

  private _watches: IDisposable[] = [];
}
