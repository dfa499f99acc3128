import React, { type ReactNode } from 'react';

/** Named facts; those without a value are left out. */
export function Facts(props: {
  facts: readonly (readonly [string, ReactNode])[];
}): JSX.Element {
  return (
    <dl className="jp-MLStudio-facts">
      {props.facts
        .filter(([, value]) => isThere(value))
        .map(([name, value]) => (
          <React.Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </React.Fragment>
        ))}
    </dl>
  );
}

/** A part of a panel under its own heading. */
export function Section(props: {
  title: string;
  children: ReactNode;
}): JSX.Element {
  return (
    <section className="jp-MLStudio-section" aria-label={props.title}>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}

function isThere(value: ReactNode): boolean {
  return value !== undefined && value !== null && value !== '';
}
