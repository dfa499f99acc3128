import { Dialog, MainAreaWidget } from '@jupyterlab/apputils';
import type { ITranslator } from '@jupyterlab/translation';
import type { Drag } from '@lumino/dragdrop';
import type { CommandRegistry } from '@lumino/commands';
import React, { useState } from 'react';

import { CommandIDs } from '../../commands';
import { PanelWidget } from '../../components/panelwidget';
import { DOMAIN } from '../../components/translation';
import { mlstudioIcon } from '../../icons';
import { S3FolderModel } from '../../model/s3folder';
import { folderOf, type IS3Location, parseUri, toUri } from '../../model/s3uri';
import { UploadQueue } from '../../model/uploads';
import type { IMLStudio } from '../../tokens';
import { type IS3Actions, S3Browser } from './browser';
import { chooseFiles } from './dropping';

/** What the file browser of JupyterLab drags: paths of its files. */
const CONTENTS = 'application/x-jupyter-icontents';

/** The content of an S3 panel, or of a dialog that chooses a place. */
export class S3Widget extends PanelWidget {
  constructor(
    readonly model: S3FolderModel,
    private readonly _uploads: UploadQueue,
    actions: IS3Actions,
    translator: ITranslator
  ) {
    const selection = { uris: new Set<string>() as ReadonlySet<string> };
    super(
      <Selecting
        model={model}
        uploads={_uploads}
        {...actions}
        onChange={uris => {
          selection.uris = uris;
        }}
      />,
      translator.load(DOMAIN),
      [model]
    );
    this._selection = selection;
    this.addClass('jp-MLStudio-storagePanel');
    // What arrives where one looks is to be seen.
    _uploads.arrived.connect(this._onArrived, this);
  }

  override dispose(): void {
    this._uploads.arrived.disconnect(this._onArrived, this);
    this.model.dispose();
    super.dispose();
  }

  /** What a dialog returns: what is selected, or the folder that is open. */
  getValue(): string {
    const [first] = this._selection.uris;
    return first ?? toUri(this.model.folder);
  }

  /** Take what the file browser of JupyterLab drops; an event of the DOM. */
  handleEvent(event: Event): void {
    const drag = event as Drag.Event;
    if (!drag.mimeData.hasData(CONTENTS) || !this.model.folder.bucket) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    drag.dropAction = 'copy';
    if (event.type === 'lm-drop') {
      for (const path of drag.mimeData.getData(CONTENTS) as string[]) {
        this._uploads.addPath(path, this.model.folder);
      }
    }
  }

  protected override onAfterAttach(
    ...args: Parameters<PanelWidget['onAfterAttach']>
  ): void {
    super.onAfterAttach(...args);
    DRAGS.forEach(type => this.node.addEventListener(type, this));
  }

  protected override onBeforeDetach(
    ...args: Parameters<PanelWidget['onBeforeDetach']>
  ): void {
    DRAGS.forEach(type => this.node.removeEventListener(type, this));
    super.onBeforeDetach(...args);
  }

  private _onArrived(_: UploadQueue, { bucket, key }: IS3Location): void {
    const { folder } = this.model;
    if (bucket === folder.bucket && key.startsWith(folder.key)) {
      void this.model.refresh();
    }
  }

  private readonly _selection: { uris: ReadonlySet<string> };
}

const DRAGS = ['lm-dragenter', 'lm-dragover', 'lm-drop'];

function Selecting(
  props: IS3Actions & {
    model: S3FolderModel;
    uploads: UploadQueue;
    onChange: (uris: ReadonlySet<string>) => void;
  }
): JSX.Element {
  const [selected, select] = useState<ReadonlySet<string>>(new Set());
  return (
    <S3Browser
      {...props}
      selected={selected}
      onSelect={uris => {
        select(uris);
        props.onChange(uris);
      }}
    />
  );
}

/** Look at a place in S3, in a panel or a dialog. */
export function s3Widget(
  studio: IMLStudio,
  commands: CommandRegistry,
  translator: ITranslator,
  uri = ''
): S3Widget {
  const location = parseUri(uri) ?? undefined;
  const model = new S3FolderModel(studio.client.s3, location);
  const after = (id: string, args: Record<string, unknown>) => {
    void commands.execute(id, args as never).then(() => model.refresh());
  };
  return new S3Widget(
    model,
    uploadsOf(studio),
    {
      onCopyUri: uri => void commands.execute(CommandIDs.copyS3Uri, { uri }),
      onCreateBucket: () => after(CommandIDs.createS3Bucket, {}),
      onDelete: uris => after(CommandIDs.deleteFromS3, { uris: [...uris] }),
      onDownload: uri =>
        void commands.execute(CommandIDs.downloadFromS3, { uri }),
      onStart: () => commands.execute(CommandIDs.startStudio),
      onUpload: folder =>
        void commands.execute(CommandIDs.uploadToS3, {
          uri: toUri(model.folder),
          folder
        })
    },
    translator
  );
}

/** The panel of the S3 browser. */
export function s3Panel(
  studio: IMLStudio,
  commands: CommandRegistry,
  translator: ITranslator,
  uri: string
): MainAreaWidget<S3Widget> {
  const trans = translator.load(DOMAIN);
  const content = s3Widget(studio, commands, translator, uri);
  const widget = new MainAreaWidget({ content });
  widget.toolbar.hide();
  widget.title.label = trans.__('S3');
  widget.title.icon = mlstudioIcon;
  widget.title.closable = true;
  return widget;
}

/** Have the user choose a place in S3; resolves to its URI, or null. */
export async function chooseUri(
  studio: IMLStudio,
  commands: CommandRegistry,
  translator: ITranslator,
  start: string
): Promise<string | null> {
  const trans = translator.load(DOMAIN);
  const { bucket = '', key = '' } = parseUri(start) ?? {};
  const place = toUri({ bucket, key: folderOf(key) });
  const dialog = new Dialog({
    title: trans.__('Choose a place in S3'),
    body: s3Widget(studio, commands, translator, place),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Choose') })
    ]
  });
  dialog.addClass('jp-MLStudio-picker');
  const { button, value } = await dialog.launch();
  return button.accept && value ? value : null;
}

/** Have the user choose files of the computer, or a folder, and send them below a place. */
export async function uploadChosen(
  studio: IMLStudio,
  { bucket, key }: IS3Location,
  folder: boolean
): Promise<void> {
  for (const { file, path } of await chooseFiles(folder)) {
    uploadsOf(studio).add(file, { bucket, key: key + path });
  }
}

/** Send files and folders of the Jupyter server below a place. */
export function uploadPaths(
  studio: IMLStudio,
  location: IS3Location,
  paths: readonly string[]
): void {
  for (const path of paths) {
    uploadsOf(studio).addPath(path, location);
  }
}

const queues = new WeakMap<IMLStudio, UploadQueue>();

/** The uploads of this page: they go on when the panel is closed that began them. */
function uploadsOf(studio: IMLStudio): UploadQueue {
  const queue = queues.get(studio) ?? new UploadQueue(studio.client.s3);
  queues.set(studio, queue);
  return queue;
}
