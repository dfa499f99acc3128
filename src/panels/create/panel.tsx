import { Button } from '@jupyterlab/ui-components';
import React, { useEffect, useRef, useState } from 'react';

import type { ITrainingJobForm } from '../../api/types';
import { Remote } from '../../components/states';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import { asBoto3 } from '../../model/snippets';
import type { IRemoteModel } from '../../tokens';
import { Algorithm } from './algorithm';
import { Channels } from './channels';
import { FormContext, type IFormContext, useForm } from './context';
import { Part, TextField } from './fields';
import { Hyperparameters } from './hyperparameters';
import { MachineSize } from './machine';
import { AllSettings } from './settings';

export interface ICreatePanelProps extends Pick<
  IFormContext,
  'chooseFile' | 'chooseUri' | 'model'
> {
  form: IRemoteModel<ITrainingJobForm>;
  onCreate: () => void;
  onClear: () => void;
  onCopy: () => void;
  onStart: () => Promise<void>;
}

/** A training job that is being described, and the code that would make the same. */
export function CreatePanel(props: ICreatePanelProps): JSX.Element {
  const { form, model } = props;
  useRemote(form);
  useRemote(model);
  useEffect(() => {
    if (form.value) {
      model.suggest(form.value);
    }
  }, [form.value, model]);
  return (
    <Remote model={form} onStart={props.onStart}>
      {value =>
        model.draft && (
          <FormContext.Provider value={{ ...props, form: value }}>
            <Form {...props} />
          </FormContext.Provider>
        )
      }
    </Remote>
  );
}

function Form(props: ICreatePanelProps): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  const [all, showAll] = useState(false);
  const box = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (model.refusals > 0) {
      goToProblem(box.current);
    }
  }, [model.refusals]);
  return (
    <form
      ref={box}
      className="jp-MLStudio-form"
      aria-label={trans.__('Create a training job')}
      noValidate
      onSubmit={event => {
        event.preventDefault();
        props.onCreate();
      }}
    >
      <div className="jp-MLStudio-detailsHeader">
        <h1>{trans.__('Create a training job')}</h1>
        <div role="group" aria-label={trans.__('What is shown')}>
          <Button
            small
            minimal={all}
            aria-pressed={!all}
            onClick={() => showAll(false)}
          >
            {trans.__('Essentials')}
          </Button>
          <Button
            small
            minimal={!all}
            aria-pressed={all}
            onClick={() => showAll(true)}
          >
            {trans.__('All settings')}
          </Button>
        </div>
      </div>
      <div className="jp-MLStudio-formColumns">
        <div>
          {all ? <AllSettings /> : <Essentials />}
          <Problems onShowAll={() => showAll(true)} />
          <div className="jp-MLStudio-formActions">
            <button
              type="submit"
              className="jp-MLStudio-button jp-mod-accept"
              disabled={model.isBusy}
            >
              {model.isBusy
                ? trans.__('Creating…')
                : trans.__('Create training job')}
            </button>
            <Button small minimal onClick={props.onClear}>
              {trans.__('Start over')}
            </Button>
          </div>
        </div>
        <Code onCopy={props.onCopy} />
      </div>
    </form>
  );
}

/** What most jobs need. */
function Essentials(): JSX.Element {
  const trans = useTrans();
  return (
    <>
      <Part title={trans.__('Name')}>
        <TextField path={['TrainingJobName']} label={trans.__('Job name')} />
      </Part>
      <Algorithm />
      <Channels />
      <MachineSize />
      <Hyperparameters />
      <Part title={trans.__('Result')} path={['OutputDataConfig']}>
        <TextField
          path={['OutputDataConfig', 'S3OutputPath']}
          label={trans.__('Output path')}
          help={trans.__('The model goes into a folder of the job below it.')}
          s3="folder"
        />
        <TextField
          path={['RoleArn']}
          label={trans.__('Role')}
          help={trans.__('As which the job acts.')}
        />
      </Part>
    </>
  );
}

/** What is wrong, all of it in one place, also where its field is not in sight. */
function Problems(props: { onShowAll: () => void }): JSX.Element {
  const trans = useTrans();
  const { model } = useForm();
  const problems = [...model.problems];
  return (
    <div role="alert">
      {(problems.length > 0 || model.failure) && (
        <div className="jp-MLStudio-failureText">
          <strong>{trans.__('The job was not created.')}</strong>
          {model.failure && <p>{model.failure}</p>}
          <ul>
            {problems.map(([key, problem]) => (
              <li key={key}>
                <code>{key}</code>: {problem}
              </li>
            ))}
          </ul>
          <Button small minimal onClick={props.onShowAll}>
            {trans.__('Show all settings')}
          </Button>
        </div>
      )}
    </div>
  );
}

/** The Python that makes the same job, as one types. */
function Code(props: { onCopy: () => void }): JSX.Element {
  const trans = useTrans();
  const { form, model } = useForm();
  return (
    <aside
      className="jp-MLStudio-code"
      aria-label={trans.__('The same with boto3')}
    >
      <div className="jp-MLStudio-detailsHeader">
        <h2>{trans.__('The same with boto3')}</h2>
        <Button small minimal onClick={props.onCopy}>
          {trans.__('Copy')}
        </Button>
      </div>
      <pre tabIndex={0} aria-label={trans.__('Python')}>
        {asBoto3(model.request(form))}
      </pre>
    </aside>
  );
}

/** Put the cursor where the first problem is. */
function goToProblem(form: HTMLElement | null): void {
  const field = form?.querySelector<HTMLElement>('[data-invalid]');
  field?.scrollIntoView?.({ block: 'center' });
  field?.querySelector<HTMLElement>('input, select')?.focus();
}
