import { Button } from '@jupyterlab/ui-components';
import React, { useState } from 'react';

import { useTrans } from '../../components/translation';
import { IMAGE, imageOf, requiredOf, SCRIPT } from '../../model/jobform';
import { keyOf, type Path, valueAt } from '../../model/paths';
import { useForm } from './context';
import { Field, Part, TextField } from './fields';

const PROGRAM: Path = ['HyperParameters', 'sagemaker_program'];
const DIRECTORY: Path = ['HyperParameters', 'sagemaker_submit_directory'];
const OTHER = '';

/** What the fields may hold, as examples. */
const EXAMPLES = {
  archive: 's3://bucket/sourcedir.tar.gz',
  image: 'registry/repository:tag',
  script: 'train.py'
};

/** What is trained: an image of the studio or any other, and a script. */
export function Algorithm(): JSX.Element {
  const trans = useTrans();
  const { form, model } = useForm();
  const request = model.draft?.request;
  const image = imageOf(request, form.images);
  const uri = valueAt(request, IMAGE);
  const choose = (chosen: string) => {
    model.set(IMAGE, chosen || undefined);
    const next = form.images.find(each => each.uri === chosen);
    const given = valueAt(request, ['HyperParameters']) as object | undefined;
    const filled = Object.entries(given ?? {}).filter(
      ([, text]) => text !== ''
    );
    model.set(['HyperParameters'], {
      ...requiredOf(next),
      ...Object.fromEntries(filled)
    });
  };
  return (
    <Part title={trans.__('What to train')} path={['AlgorithmSpecification']}>
      <Field
        label={trans.__('Algorithm')}
        help={
          image?.hyperparameters
            ? trans.__('A built-in algorithm, or a script of yours.')
            : image && trans.__('Runs a script of yours.')
        }
      >
        {control => (
          <select
            {...control}
            className="jp-mod-styled"
            value={image ? image.uri : OTHER}
            onChange={event => choose(event.target.value)}
          >
            {form.images.map(each => (
              <option key={each.uri} value={each.uri}>
                {each.name}
              </option>
            ))}
            <option value={OTHER}>{trans.__('Another image…')}</option>
          </select>
        )}
      </Field>
      {(!image || image.uri !== uri) && (
        <TextField
          path={IMAGE}
          label={trans.__('Image')}
          help={trans.__('Its name, as the container engine knows it.')}
          placeholder={EXAMPLES.image}
        />
      )}
      <Script isOptional={!image || image.hyperparameters !== null} />
    </Part>
  );
}

type Source = 'file' | 'none' | 's3';

/** The user's own program: a file of the Jupyter server, or an archive in S3. */
function Script(props: { isOptional: boolean }): JSX.Element {
  const trans = useTrans();
  const { model } = useForm();
  const draft = model.draft;
  const archive = valueAt(draft?.request, DIRECTORY) !== undefined;
  const found: Source = draft?.script ? 'file' : archive ? 's3' : 'none';
  const [wanted, want] = useState<Source | null>(null);
  const source =
    found !== 'none' ? found : (wanted ?? (props.isOptional ? 'none' : 'file'));
  const choose = (next: Source) => {
    want(next);
    model.setScript(next === 'file' ? { path: '', folder: false } : null);
    if (next !== 's3' && archive) {
      model.set(PROGRAM, undefined);
      model.set(DIRECTORY, undefined);
    }
  };
  const sources: [Source, string][] = [
    ['none', trans.__('No script')],
    ['file', trans.__('A file here in JupyterLab')],
    ['s3', trans.__('An archive in S3 (tar.gz)')]
  ];
  return (
    <>
      <Field label={trans.__('Script')}>
        {control => (
          <select
            {...control}
            className="jp-mod-styled"
            value={source}
            onChange={event => choose(event.target.value as Source)}
          >
            {sources
              .filter(([each]) => props.isOptional || each !== 'none')
              .map(([each, title]) => (
                <option key={each} value={each}>
                  {title}
                </option>
              ))}
          </select>
        )}
      </Field>
      {source === 'file' && <ScriptFile />}
      {source === 's3' && (
        <>
          <TextField
            path={DIRECTORY}
            label={trans.__('Archive')}
            s3="object"
            placeholder={EXAMPLES.archive}
          />
          <TextField
            path={PROGRAM}
            label={trans.__('Program')}
            help={trans.__('The file in the archive that is run.')}
            placeholder={EXAMPLES.script}
          />
        </>
      )}
    </>
  );
}

function ScriptFile(): JSX.Element {
  const trans = useTrans();
  const { chooseFile, model } = useForm();
  const { folder, path } = model.draft?.script ?? { folder: false, path: '' };
  return (
    <>
      <Field
        label={trans.__('File')}
        help={trans.__(
          'As it is saved. It is sent to S3 when the job is made.'
        )}
        problem={model.problems.get(keyOf(SCRIPT))}
        required
      >
        {control => (
          <div className="jp-MLStudio-inputRow">
            <input
              {...control}
              className="jp-mod-styled"
              spellCheck={false}
              placeholder={EXAMPLES.script}
              value={path}
              onChange={event =>
                model.setScript({ folder, path: event.target.value })
              }
            />
            <Button
              small
              aria-label={trans.__('Choose a script')}
              onClick={() =>
                void chooseFile().then(chosen => {
                  if (chosen !== null) {
                    model.setScript({ folder, path: chosen });
                  }
                })
              }
            >
              {trans.__('Choose…')}
            </Button>
          </div>
        )}
      </Field>
      <label className="jp-MLStudio-check">
        <input
          type="checkbox"
          checked={folder}
          onChange={event =>
            model.setScript({ folder: event.target.checked, path })
          }
        />{' '}
        {trans.__('Send everything in its folder too')}
      </label>
    </>
  );
}
