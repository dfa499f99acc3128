import React, { useEffect, useRef } from 'react';

import type { ILogTail } from '../../api/types';
import { useTrans } from '../../components/translation';
import { Section } from './facts';

/** How near to the end, in pixels, counts as reading the end. */
const SLACK = 8;

/** The last lines of every stream. */
export function LogTails(props: { logs: readonly ILogTail[] }): JSX.Element {
  const trans = useTrans();
  return (
    <Section title={trans.__('Log')}>
      {props.logs.length === 0 && <p>{trans.__('Nothing was logged yet.')}</p>}
      {props.logs.map(tail => (
        <LogTail key={tail.stream} tail={tail} />
      ))}
    </Section>
  );
}

function LogTail(props: { tail: ILogTail }): JSX.Element {
  const trans = useTrans();
  const { stream, lines, truncated } = props.tail;
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (box.current && atEnd.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  });
  return (
    <figure className="jp-MLStudio-log">
      <figcaption>
        {stream}
        {truncated && ` ${trans.__('(last %1 lines)', lines.length)}`}
      </figcaption>
      <pre
        ref={box}
        tabIndex={0}
        aria-label={trans.__('Log stream %1', stream)}
        onScroll={({
          currentTarget: { clientHeight, scrollHeight, scrollTop }
        }) => {
          atEnd.current = scrollTop + clientHeight >= scrollHeight - SLACK;
        }}
      >
        {lines.map(line => line.Message).join('\n')}
      </pre>
    </figure>
  );
}
