import { Clipboard, InputDialog, Notification } from '@jupyterlab/apputils';
import {
  copyIcon,
  deleteIcon,
  downloadIcon,
  fileUploadIcon
} from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { IS3Client } from '../api/s3';
import { mlstudioIcon } from '../icons';
import { type IS3Location, parseUri, toUri } from '../model/s3uri';
import type { IMLStudio } from '../tokens';
import { CommandIDs } from './ids';
import { confirmed, reportErrors } from './support';

/** What the commands of S3 need to know of the application. */
export interface IS3Views {
  open(uri?: string): Promise<void>;
  /** Have the user choose files of the computer, or a folder, and send them below a URI. */
  upload(location: IS3Location, folder: boolean): Promise<void>;
  /** Send files of the Jupyter server; without paths what the file browser has selected. */
  uploadPaths(paths?: readonly string[]): Promise<void>;
}

const URI = { type: 'string', description: 'A URI, s3://bucket/key' } as const;

const URI_ARG = {
  args: { type: 'object', required: ['uri'], properties: { uri: URI } }
} as const;

/** Add the commands that look at S3 and change it. */
export function addS3Commands(
  commands: CommandRegistry,
  studio: IMLStudio,
  views: IS3Views,
  trans: TranslationBundle
): void {
  commands.addCommand(CommandIDs.openS3, {
    label: trans.__('S3 Browser'),
    caption: trans.__('Look through buckets, upload and download'),
    icon: mlstudioIcon,
    describedBy: { args: { type: 'object', properties: { uri: URI } } },
    execute: ({ uri }) => views.open(typeof uri === 'string' ? uri : undefined)
  });
  commands.addCommand(CommandIDs.copyS3Uri, {
    label: trans.__('Copy S3 URI'),
    icon: copyIcon,
    describedBy: URI_ARG,
    execute: args => {
      Clipboard.copyToSystem(toUri(locationOf(args)));
      Notification.success(trans.__('The URI is in the clipboard'), {
        autoClose: 3000
      });
    }
  });
  commands.addCommand(CommandIDs.downloadFromS3, {
    label: trans.__('Download from S3'),
    icon: downloadIcon,
    describedBy: URI_ARG,
    execute: args => {
      const { bucket, key } = locationOf(args);
      const link = document.createElement('a');
      link.href = studio.client.s3.downloadUrl(bucket, key);
      link.download = '';
      link.click();
    }
  });
  commands.addCommand(CommandIDs.createS3Bucket, {
    label: trans.__('New S3 Bucket…'),
    icon: mlstudioIcon,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: async () => {
      const { button, value } = await InputDialog.getText({
        title: trans.__('New bucket'),
        label: trans.__('Name: 3 to 63 small letters, digits and hyphens'),
        okLabel: trans.__('Create'),
        cancelLabel: trans.__('Cancel')
      });
      if (button.accept && value) {
        await reportErrors(
          trans.__('The bucket could not be created'),
          async () => {
            await studio.client.s3.createBucket(value);
            await views.open(`s3://${value}/`);
          }
        );
      }
    }
  });
  commands.addCommand(CommandIDs.uploadToS3, {
    label: trans.__('Upload to S3…'),
    icon: fileUploadIcon,
    describedBy: {
      args: {
        type: 'object',
        required: ['uri'],
        properties: {
          uri: URI,
          folder: { type: 'boolean', description: 'A folder, not files' }
        }
      }
    },
    execute: args => views.upload(locationOf(args), args.folder === true)
  });
  commands.addCommand(CommandIDs.uploadFilesToS3, {
    label: trans.__('Upload to S3…'),
    icon: fileUploadIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          paths: {
            type: 'array',
            items: { type: 'string' },
            description: 'Paths; by default the selected files'
          }
        }
      }
    },
    execute: ({ paths }) =>
      views.uploadPaths(Array.isArray(paths) ? paths.map(String) : undefined)
  });
  addDeletion(commands, studio.client.s3, trans);
}

function addDeletion(
  commands: CommandRegistry,
  client: IS3Client,
  trans: TranslationBundle
): void {
  commands.addCommand(CommandIDs.deleteFromS3, {
    label: trans.__('Delete from S3…'),
    icon: deleteIcon,
    describedBy: {
      args: {
        type: 'object',
        required: ['uris'],
        properties: {
          uris: { type: 'array', items: URI, description: 'What is to go' }
        }
      }
    },
    execute: async args => {
      const places = (Array.isArray(args.uris) ? args.uris : [])
        .map(uri => parseUri(String(uri)))
        .filter(place => place !== null && place.bucket !== '');
      const wish = places as IS3Location[];
      const title = trans.__('Delete from S3?');
      await reportErrors(trans.__('Not all could be deleted'), async () => {
        const [body, action] = wish.every(({ key }) => key === '')
          ? ofBuckets(wish, client, trans)
          : await ofObjects(wish, client, trans);
        await confirmed(trans, {
          title,
          body,
          label: trans.__('Delete'),
          failure: trans.__('Not all could be deleted'),
          action
        });
      });
    }
  });
}

type Deletion = [body: string, action: () => Promise<void>];

function ofBuckets(
  places: readonly IS3Location[],
  client: IS3Client,
  trans: TranslationBundle
): Deletion {
  const names = places.map(({ bucket }) => bucket);
  return [
    trans.__('Buckets, which must be empty: %1.', names.join(', ')),
    async () => {
      for (const name of names) {
        await client.deleteBucket(name);
      }
    }
  ];
}

async function ofObjects(
  places: readonly IS3Location[],
  client: IS3Client,
  trans: TranslationBundle
): Promise<Deletion> {
  const bucket = places[0]?.bucket ?? '';
  const keys = places.map(({ key }) => key).filter(key => key !== '');
  const folders = keys.filter(key => key.endsWith('/'));
  const objects = keys.filter(key => !key.endsWith('/'));
  const counts = await Promise.all(
    folders.map(prefix => client.count(bucket, prefix))
  );
  const total = counts.reduce((sum, each) => sum + each.objects, 0);
  const number = total + objects.length;
  const body = counts.some(({ more }) => more)
    ? trans.__('More than %1 objects will be gone for good.', number)
    : trans._n(
        '%1 object will be gone for good.',
        '%1 objects will be gone for good.',
        number
      );
  return [body, () => remove(client, bucket, objects, folders, trans)];
}

/** Delete step by step, showing how far it is; the user may end it. */
async function remove(
  client: IS3Client,
  bucket: string,
  objects: readonly string[],
  folders: readonly string[],
  trans: TranslationBundle
): Promise<void> {
  let keys = objects;
  let total = 0;
  let isWanted = true;
  const id = Notification.emit(trans.__('Deleting…'), 'in-progress', {
    autoClose: false,
    actions: [
      {
        label: trans.__('Stop'),
        callback: () => {
          isWanted = false;
        }
      }
    ]
  });
  try {
    for (;;) {
      const done = await client.delete(bucket, keys, folders);
      keys = [];
      total += done.deleted;
      const [error] = done.errors;
      if (error) {
        throw new Error(`${error.key}: ${error.message}`);
      }
      if (!done.more || !isWanted) {
        break;
      }
      Notification.update({ id, message: trans.__('%1 deleted', total) });
    }
    Notification.update({
      id,
      message: trans._n('%1 object deleted', '%1 objects deleted', total),
      type: 'success',
      autoClose: 3000,
      actions: []
    });
  } catch (reason) {
    Notification.dismiss(id);
    throw reason;
  }
}

function locationOf(args: ReadonlyPartialJSONObject): IS3Location {
  const place = typeof args.uri === 'string' ? parseUri(args.uri) : null;
  if (!place) {
    throw new Error('The argument "uri" is missing or is no URI.');
  }
  return place;
}
