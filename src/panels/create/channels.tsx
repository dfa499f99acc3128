import { Button } from '@jupyterlab/ui-components';
import React from 'react';

import { useTrans } from '../../components/translation';
import { channel } from '../../model/jobform';
import { type Path, valueAt } from '../../model/paths';
import { useForm } from './context';
import { Part, TextField } from './fields';

const CHANNELS: Path = ['InputDataConfig'];
const URI: Path = ['DataSource', 'S3DataSource', 'S3Uri'];

/** What the fields may hold, as examples. */
const EXAMPLES = { type: 'text/csv', uri: 's3://bucket/folder/' };

const NAMES = ['train', 'validation', 'test'];
const TYPES = [
  'text/csv',
  'text/libsvm',
  'application/x-parquet',
  'application/x-recordio-protobuf',
  'application/json',
  'application/jsonlines'
];

/** What data is read: channels, each a prefix of S3. */
export function Channels(): JSX.Element {
  const trans = useTrans();
  const { model } = useForm();
  const found = valueAt(model.draft?.request, CHANNELS);
  const channels: unknown[] = Array.isArray(found) ? found : [];
  const names = channels.map(each => valueAt(each, ['ChannelName']));
  const next = NAMES.find(name => !names.includes(name)) ?? '';
  const remove = (index: number) =>
    model.set(
      CHANNELS,
      channels.length > 1
        ? channels.filter((_, each) => each !== index)
        : undefined
    );
  return (
    <Part
      title={trans.__('Data')}
      hint={trans.__(
        'A job finds each channel in a folder of its name below /opt/ml/input/data.'
      )}
      path={CHANNELS}
    >
      {channels.map((each, index) => {
        const path = [...CHANNELS, index];
        const isS3 = valueAt(each, ['DataSource', 'FileSystemDataSource']);
        const name = String(names[index] ?? index + 1);
        return (
          <fieldset key={index} className="jp-MLStudio-group">
            <legend>{trans.__('Channel %1', name)}</legend>
            <TextField
              path={[...path, 'ChannelName']}
              label={trans.__('Channel name')}
              suggestions={NAMES}
            />
            {isS3 === undefined ? (
              <TextField
                path={[...path, ...URI]}
                label={trans.__('Location in S3')}
                s3="folder"
                placeholder={EXAMPLES.uri}
              />
            ) : (
              <p className="jp-MLStudio-help">
                {trans.__('A file system: see All settings.')}
              </p>
            )}
            <TextField
              path={[...path, 'ContentType']}
              label={trans.__('Content type')}
              suggestions={TYPES}
              placeholder={EXAMPLES.type}
            />
            <Button
              small
              minimal
              aria-label={trans.__('Remove channel %1', name)}
              onClick={() => remove(index)}
            >
              {trans.__('Remove')}
            </Button>
          </fieldset>
        );
      })}
      <Button
        small
        onClick={() => model.set(CHANNELS, [...channels, channel(next, '')])}
      >
        {trans.__('Add a channel')}
      </Button>
    </Part>
  );
}
