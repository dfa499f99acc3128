import { type LabIcon } from '@jupyterlab/ui-components';
import React, { type ReactNode } from 'react';

/** One resource in the sidebar: a button that opens it, facts, and at most one action. */
export function Row(props: {
  name: string;
  status: ReactNode;
  facts: ReactNode[];
  failure?: string | undefined;
  onOpen: () => void;
  action?: { icon: LabIcon; label: string; run: () => void } | undefined;
}): JSX.Element {
  const { action } = props;
  return (
    <li className="jp-MLStudio-row">
      <button
        type="button"
        className="jp-MLStudio-rowMain"
        onClick={props.onOpen}
        title={props.name}
      >
        <span className="jp-MLStudio-rowName">{props.name}</span>
        <span className="jp-MLStudio-rowFacts">
          {props.status}
          {props.facts.map((fact, index) => (
            <span key={index} className="jp-MLStudio-fact">
              {fact}
            </span>
          ))}
        </span>
        {props.failure && (
          <span className="jp-MLStudio-failure" title={props.failure}>
            {props.failure}
          </span>
        )}
      </button>
      {action && (
        <button
          type="button"
          className="jp-MLStudio-rowAction"
          aria-label={action.label}
          title={action.label}
          onClick={action.run}
        >
          <action.icon.react tag="span" aria-hidden />
        </button>
      )}
    </li>
  );
}
