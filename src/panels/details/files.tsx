import type { DescribeTrainingJobResponse } from '@aws-sdk/client-sagemaker';
import { Clipboard } from '@jupyterlab/apputils';
import { Button } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { useTrans } from '../../components/translation';
import { Section } from './facts';

/** The command that shows what is in S3, where there is one. */
const OPEN_S3 = 'mlstudio:open-s3';

/** Where a training job reads and writes. */
export function Files(props: {
  job: DescribeTrainingJobResponse;
  commands: CommandRegistry;
}): JSX.Element {
  const trans = useTrans();
  const { job } = props;
  const output = job.OutputDataConfig?.S3OutputPath?.replace(/\/$/, '');
  const inputs = (job.InputDataConfig ?? []).map(
    ({ ChannelName: name, DataSource: source }) =>
      [
        trans.__('Channel %1', name),
        source?.S3DataSource?.S3Uri ??
          source?.FileSystemDataSource?.DirectoryPath
      ] as const
  );
  const places: (readonly [string, string | undefined])[] = [
    ...inputs,
    [trans.__('Model'), job.ModelArtifacts?.S3ModelArtifacts],
    [trans.__('Output'), output && `${output}/${job.TrainingJobName}/`],
    [trans.__('Checkpoints'), job.CheckpointConfig?.S3Uri],
    [trans.__('TensorBoard'), job.TensorBoardOutputConfig?.S3OutputPath]
  ];
  return (
    <Section title={trans.__('Inputs and outputs')}>
      <table className="jp-MLStudio-table">
        <tbody>
          {places.map(
            ([name, uri]) =>
              uri && (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{uri}</td>
                  <td>
                    <Actions name={name} uri={uri} commands={props.commands} />
                  </td>
                </tr>
              )
          )}
        </tbody>
      </table>
    </Section>
  );
}

function Actions(props: {
  name: string;
  uri: string;
  commands: CommandRegistry;
}): JSX.Element {
  const trans = useTrans();
  const { commands, name, uri } = props;
  return (
    <>
      <Button
        small
        minimal
        aria-label={trans.__('Copy the address of %1', name)}
        onClick={() => Clipboard.copyToSystem(uri)}
      >
        {trans.__('Copy')}
      </Button>
      {uri.startsWith('s3://') && commands.hasCommand(OPEN_S3) && (
        <Button
          small
          minimal
          aria-label={trans.__('Show what is in %1', name)}
          onClick={() => void commands.execute(OPEN_S3, { uri })}
        >
          {trans.__('Show')}
        </Button>
      )}
    </>
  );
}
