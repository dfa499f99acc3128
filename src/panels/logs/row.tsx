import React, { memo } from 'react';

import type { ILogLine } from '../../api/logs';
import { useTrans } from '../../components/translation';
import { type ISpan, plain, spansOf } from './ansi';
import type { ILook } from './model';
import { lineTime, wholeTime } from './times';

export interface ILogRowProps {
  index: number;
  line: ILogLine | undefined;
  look: ILook;
  /** When the first line was written. */
  origin: number;
  /** The host, where there are several. */
  host: string | null;
  isMatch: boolean;
  isTarget: boolean;
  /** What matches begin with or are, to mark it; null where nothing is searched. */
  mark: RegExp | null;
  /** Whether it is only here because a selection starts or ends in it. */
  isPinned: boolean;
  link: string | null;
  onLink: (line: ILogLine) => void;
  onWhole: (line: ILogLine) => void;
}

/** One line of a log. */
export const LogRow = memo((props: ILogRowProps): JSX.Element => {
  const { index, isMatch, isPinned, isTarget, line, look } = props;
  const names = [
    'jp-MLStudio-logRow',
    line?.Level && `jp-mod-${line.Level.toLowerCase()}`,
    isMatch && 'jp-mod-match',
    isTarget && 'jp-mod-target',
    isPinned && 'jp-mod-pinned'
  ];
  return (
    <div
      className={names.filter(Boolean).join(' ')}
      data-row={index}
      aria-current={isTarget || undefined}
    >
      <Gutter {...props} />
      <span className="jp-MLStudio-logText">
        {line && <Text line={line} mark={isMatch ? props.mark : null} />}
      </span>
      {line && line.Length > line.Message.length && (
        <ShowAll line={line} onWhole={props.onWhole} />
      )}
      {look.wrap ? null : ' '}
    </div>
  );
});

function Gutter(props: ILogRowProps): JSX.Element {
  const trans = useTrans();
  const { host, line, look, origin } = props;
  const number = line?.LineNumber;
  return (
    <span className="jp-MLStudio-logGutter">
      {line && number !== undefined && props.link ? (
        <a
          className="jp-MLStudio-logNumber"
          href={props.link}
          tabIndex={-1}
          title={trans.__('Link to this line')}
          onClick={event => {
            event.preventDefault();
            props.onLink(line);
          }}
        >
          {number + 1}
        </a>
      ) : (
        <span className="jp-MLStudio-logNumber" />
      )}
      {line && look.times !== 'none' && (
        <time
          dateTime={new Date(line.Time).toISOString()}
          title={wholeTime(line.Time, look.times)}
        >
          {lineTime(line.Time, look.times, origin)}
        </time>
      )}
      {host !== null && <span className="jp-MLStudio-logHost">{host}</span>}
    </span>
  );
}

function Text(props: { line: ILogLine; mark: RegExp | null }): JSX.Element {
  const { Message: message } = props.line;
  const spans = props.mark
    ? marked(spansOf(message), plain(message), props.mark)
    : spansOf(message);
  return (
    <>
      {spans.map((span, index) =>
        span.className ? (
          <span key={index} className={span.className}>
            {span.text}
          </span>
        ) : (
          span.text
        )
      )}
    </>
  );
}

function ShowAll(props: {
  line: ILogLine;
  onWhole: (line: ILogLine) => void;
}): JSX.Element {
  const trans = useTrans();
  const { Length: length, Message: message } = props.line;
  return (
    <button
      type="button"
      className="jp-MLStudio-logMore"
      onClick={() => props.onWhole(props.line)}
    >
      {trans.__('Show all (%1 more characters)', length - message.length)}
    </button>
  );
}

/** Split spans where the text matches, and mark those parts. */
function marked(spans: readonly ISpan[], text: string, mark: RegExp): ISpan[] {
  const edges: [number, number][] = [];
  for (const match of text.matchAll(mark)) {
    if (match[0] !== '') {
      edges.push([match.index, match.index + match[0].length]);
    }
  }
  const parts: ISpan[] = [];
  let at = 0;
  for (const span of spans) {
    const end = at + span.text.length;
    let start = at;
    for (const [first, last] of edges) {
      const [from, to] = [Math.max(first, start), Math.min(last, end)];
      if (from < to) {
        push(parts, text.slice(start, from), span.className);
        push(parts, text.slice(from, to), `${span.className} jp-mod-found`);
        start = to;
      }
    }
    push(parts, text.slice(start, end), span.className);
    at = end;
  }
  return parts;
}

function push(parts: ISpan[], text: string, className: string): void {
  if (text !== '') {
    parts.push({ text, className: className.trim() });
  }
}
