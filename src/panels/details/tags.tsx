import type { Tag } from '@aws-sdk/client-sagemaker';
import { Button } from '@jupyterlab/ui-components';
import React, { useState } from 'react';

import { Remote } from '../../components/states';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { IRemoteModel } from '../../tokens';
import { Section } from './facts';

/** The tags of a resource, and how to change them. */
export interface ITagActions {
  model: IRemoteModel<readonly Tag[]>;
  /** Set a tag, or one of the same key anew; rejects when it is refused. */
  add(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
}

/** The tags of a resource, to be changed. */
export function Tags(props: {
  actions: ITagActions;
  onStart: () => Promise<void>;
}): JSX.Element {
  const trans = useTrans();
  const { actions } = props;
  const [problem, setProblem] = useState('');
  useRemote(actions.model);
  const change = async (step: () => Promise<void>) => {
    setProblem('');
    try {
      await step();
      return true;
    } catch (reason) {
      setProblem(reason instanceof Error ? reason.message : String(reason));
      return false;
    }
  };
  return (
    <Section title={trans.__('Tags')}>
      <Remote model={actions.model} onStart={props.onStart}>
        {tags => (
          <ul className="jp-MLStudio-tags">
            {tags.map(({ Key: key = '', Value: value }) => (
              <li key={key}>
                <span>{value ? `${key}: ${value}` : key}</span>
                <button
                  type="button"
                  aria-label={trans.__('Remove tag %1', key)}
                  onClick={() => void change(() => actions.remove(key))}
                >
                  ×
                </button>
              </li>
            ))}
          </ul>
        )}
      </Remote>
      <NewTag onAdd={(key, value) => change(() => actions.add(key, value))} />
      {problem && (
        <p className="jp-MLStudio-failureText" role="alert">
          {problem}
        </p>
      )}
    </Section>
  );
}

function NewTag(props: {
  onAdd: (key: string, value: string) => Promise<boolean>;
}): JSX.Element {
  const trans = useTrans();
  const [[key, value], setTag] = useState(['', '']);
  return (
    <form
      className="jp-MLStudio-newTag"
      onSubmit={event => {
        event.preventDefault();
        void props.onAdd(key, value).then(added => added && setTag(['', '']));
      }}
    >
      <input
        className="jp-mod-styled"
        aria-label={trans.__('Key of a tag')}
        placeholder={trans.__('Key')}
        value={key}
        onChange={event => setTag([event.target.value, value])}
      />
      <input
        className="jp-mod-styled"
        aria-label={trans.__('Value of a tag')}
        placeholder={trans.__('Value')}
        value={value}
        onChange={event => setTag([key, event.target.value])}
      />
      <Button small type="submit" disabled={key === ''}>
        {trans.__('Add')}
      </Button>
    </form>
  );
}
