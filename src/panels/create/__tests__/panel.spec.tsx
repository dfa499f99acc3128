import { fireEvent, render, screen, within } from '@testing-library/react';
import React, { act } from 'react';

import { FakeClient, makeForm } from '../../../__tests__/testutils';
import { RequestError, STUDIO_UNAVAILABLE } from '../../../api/request';
import type { ITrainingJobForm } from '../../../api/types';
import { JobFormModel } from '../../../model/jobform';
import { valueAt } from '../../../model/paths';
import { RemoteModel } from '../../../model/remote';
import { CreatePanel } from '../panel';

let client: FakeClient;
let model: JobFormModel;
let form: RemoteModel<ITrainingJobForm>;
const handlers = {
  chooseFile: jest.fn(async () => 'code/train.py' as string | null),
  chooseUri: jest.fn(async () => 's3://bucket/chosen/' as string | null),
  onClear: jest.fn(),
  onCopy: jest.fn(),
  onCreate: jest.fn(),
  onStart: jest.fn(async () => undefined)
};

beforeEach(() => {
  jest.clearAllMocks();
  client = new FakeClient();
  model = new JobFormModel(client);
  form = new RemoteModel('form', () => client.trainingJobForm());
});

afterEach(() => form.dispose());

async function show(): Promise<void> {
  render(<CreatePanel model={model} form={form} {...handlers} />);
  await act(() => form.refresh());
}

const field = (name: string | RegExp) =>
  screen.getByLabelText(name, { selector: 'input, select' });
const value = (...path: (string | number)[]) =>
  valueAt(model.draft?.request, path);
const type = (name: string | RegExp, text: string) =>
  fireEvent.change(field(name), { target: { value: text } });

describe('CreatePanel', () => {
  it('shows that it loads, and why it cannot', async () => {
    client.failure = new RequestError('gone', STUDIO_UNAVAILABLE, 503);
    render(<CreatePanel model={model} form={form} {...handlers} />);
    expect(screen.getByRole('status', { name: 'Loading' })).toBeTruthy();
    await act(() => form.refresh());
    expect(screen.getByRole('alert').textContent).toContain('gone');
    fireEvent.click(screen.getByRole('button', { name: 'Start the studio' }));
    expect(handlers.onStart).toHaveBeenCalled();
  });

  it('keeps what was typed while the studio is away', async () => {
    await show();
    type('Job name', 'mine');
    client.failure = new RequestError('gone', STUDIO_UNAVAILABLE, 503);
    await act(() => form.refresh());
    expect((field('Job name') as HTMLInputElement).value).toBe('mine');
    expect(screen.getByText('gone')).toBeTruthy();
  });

  it('shows the code of what is typed', async () => {
    await show();
    type('Job name', 'mine');
    type('num_round', '7');
    const code = screen.getByLabelText('Python').textContent;
    expect(code).toContain('TrainingJobName="mine"');
    expect(code).toContain('"num_round": "7"');
    fireEvent.click(screen.getByRole('button', { name: 'Copy' }));
    expect(handlers.onCopy).toHaveBeenCalled();
  });

  it('shows a problem at its field and goes there', async () => {
    await show();
    await act(async () => {
      await model.submit(makeForm());
    });
    const uri = field('Location in S3');
    expect(uri.getAttribute('aria-invalid')).toBe('true');
    expect(document.activeElement).toBe(uri);
    expect(screen.getByRole('alert').textContent).toContain(
      'HyperParameters.num_round: Member must not be null'
    );
    type('Location in S3', 's3://b/c');
    expect(uri.getAttribute('aria-invalid')).toBe('false');
  });

  it('has a place in S3 chosen', async () => {
    await show();
    await act(async () => {
      fireEvent.click(
        screen.getByRole('button', { name: 'Choose Location in S3' })
      );
    });
    expect((field('Location in S3') as HTMLInputElement).value).toBe(
      's3://bucket/chosen/'
    );
  });

  it('adds and removes channels', async () => {
    await show();
    fireEvent.click(screen.getByRole('button', { name: 'Add a channel' }));
    expect(value('InputDataConfig', 1, 'ChannelName')).toBe('validation');
    fireEvent.click(
      screen.getByRole('button', { name: 'Remove channel train' })
    );
    expect(value('InputDataConfig', 0, 'ChannelName')).toBe('validation');
    fireEvent.click(
      screen.getByRole('button', { name: 'Remove channel validation' })
    );
    expect(value('InputDataConfig')).toBeUndefined();
  });

  it('takes a script where the image needs one', async () => {
    await show();
    type('Algorithm', 'mlstudio/pytorch:latest');
    expect(value('HyperParameters')).toEqual({});
    expect(field('Script')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Choose a script' }));
    await act(async () => undefined);
    expect(model.draft?.script?.path).toBe('code/train.py');
    fireEvent.click(screen.getByRole('checkbox'));
    expect(model.draft?.script?.folder).toBe(true);
    type('Script', 's3');
    type('Archive', 's3://b/source.tar.gz');
    type('Program', 'go.py');
    expect(model.draft?.script).toBeNull();
    expect(value('HyperParameters')).toEqual({
      sagemaker_submit_directory: 's3://b/source.tar.gz',
      sagemaker_program: 'go.py'
    });
  });

  it('takes any image', async () => {
    await show();
    type('Algorithm', '');
    type('Image', 'team/own:1');
    expect(value('AlgorithmSpecification', 'TrainingImage')).toBe('team/own:1');
  });

  it('knows what stands for the image of a job that is cloned', async () => {
    await show();
    act(() =>
      model.fill({
        AlgorithmSpecification: { TrainingImage: 'host/xgboost:1.7' },
        HyperParameters: { eta: '1' }
      })
    );
    expect((field('Algorithm') as HTMLInputElement).value).toBe(
      'mlstudio/xgboost:latest'
    );
    expect((field('Image') as HTMLInputElement).value).toBe('host/xgboost:1.7');
    expect(screen.getByText(/by default 0.3/)).toBeTruthy();
  });

  it('says of hyperparameters what they may be, and takes any', async () => {
    await show();
    const add = screen.getByRole('button', { name: 'Add' });
    type('New hyperparameter', 'eta');
    fireEvent.click(add);
    const eta = screen.getByLabelText('eta');
    const help = eta.getAttribute('aria-describedby')?.split(' ')[1] ?? '';
    expect(document.getElementById(help)?.textContent).toBe(
      'a number, at least 0, at most 1; by default 0.3'
    );
    type('New hyperparameter', 'own');
    fireEvent.keyDown(field('New hyperparameter'), { key: 'Enter' });
    type('own', 'x');
    expect(value('HyperParameters')).toEqual({
      num_round: '',
      eta: '',
      own: 'x'
    });
    type('New hyperparameter', 'own');
    expect(screen.getByText('It is there already.')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Remove own' }));
    expect(value('HyperParameters', 'own')).toBeUndefined();
  });

  it('says what an instance type gets here', async () => {
    await show();
    const size = field('Instance type');
    expect(within(size).getByRole('group', { name: 'Would start now' }));
    expect(screen.getByText(/It would start at once/)).toBeTruthy();
    type('Instance type', 'ml.p3.2xlarge');
    expect(screen.getByText(/needs 1 GPU/)).toBeTruthy();
  });

  it('reaches every member of the model', async () => {
    await show();
    fireEvent.click(screen.getByRole('button', { name: 'All settings' }));
    fireEvent.click(screen.getByRole('button', { name: 'Set Environment' }));
    type('New name in Environment', 'DEBUG');
    fireEvent.click(screen.getByRole('button', { name: 'Add to Environment' }));
    type('DEBUG', '1');
    expect(value('Environment')).toEqual({ DEBUG: '1' });
    type('EnableNetworkIsolation', 'true');
    expect(value('EnableNetworkIsolation')).toBe(true);
    fireEvent.click(
      screen.getByRole('button', { name: 'Add to InputDataConfig' })
    );
    expect(value('InputDataConfig', 1)).toEqual({});
    fireEvent.click(
      screen.getByRole('button', { name: 'Remove InputDataConfig, number 2' })
    );
    fireEvent.click(screen.getByRole('button', { name: 'Remove Environment' }));
    expect(value('Environment')).toBeUndefined();
    type('TrainingInputMode', 'Pipe');
    expect(value('AlgorithmSpecification', 'TrainingInputMode')).toBe('Pipe');
  });

  it('is sent and begun anew by commands', async () => {
    await show();
    fireEvent.click(
      screen.getByRole('button', { name: 'Create training job' })
    );
    expect(handlers.onCreate).toHaveBeenCalledTimes(1);
    fireEvent.click(screen.getByRole('button', { name: 'Start over' }));
    expect(handlers.onClear).toHaveBeenCalled();
  });
});
