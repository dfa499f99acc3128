import { Button } from '@jupyterlab/ui-components';
import React from 'react';

import { Empty, Remote } from '../../components/states';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { IListModel } from '../../tokens';

/** Resources of one kind, page by page; where there are none, how to make one. */
export function ResourceList<T>(props: {
  model: IListModel<T>;
  label: string;
  /** What will appear here. */
  hint: string;
  /** The Python that makes one. */
  example: string;
  onStart: () => Promise<void>;
  children: (resource: T) => JSX.Element;
}): JSX.Element {
  const trans = useTrans();
  const { model } = props;
  useRemote(model);
  return (
    <Remote model={model} onStart={props.onStart} hasBanner>
      {resources =>
        resources.length === 0 ? (
          <Empty code={props.example}>{props.hint}</Empty>
        ) : (
          <>
            <ul
              className="jp-MLStudio-list"
              aria-label={props.label}
              aria-live="polite"
            >
              {resources.map(props.children)}
            </ul>
            {model.hasMore && (
              <Button minimal small onClick={() => void model.loadMore()}>
                {trans.__('Show more')}
              </Button>
            )}
          </>
        )
      }
    </Remote>
  );
}
