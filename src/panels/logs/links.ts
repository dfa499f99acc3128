import { URLExt } from '@jupyterlab/coreutils';

import type {
  ILogLine,
  ILogPlace,
  ILogReference,
  LogKind
} from '../../api/logs';

/** The parameter of an address that says which log to open. */
export const LINK_PARAMETER = 'mlstudio-log';

const KINDS: readonly LogKind[] = ['Endpoint', 'ProcessingJob', 'TrainingJob'];

/** What a link leads to. */
export interface ILogLink extends ILogPlace {
  line: ILogReference | null;
}

/**
 * Return the address that opens JupyterLab with a log at a line; null as long as it has no number.
 *
 * @param baseUrl - of the Jupyter server.
 */
export function linkTo(
  baseUrl: string,
  place: ILogPlace,
  line: ILogLine
): string | null {
  if (line.StreamLineNumber === undefined) {
    return null;
  }
  const where = [place.kind, place.name, line.LogStreamName].join('/');
  const value = encodeURIComponent(`${where}:${line.StreamLineNumber + 1}`);
  const lab = URLExt.join(baseUrl, 'lab');
  return `${lab}?${LINK_PARAMETER}=${value}`;
}

/** Return what the query of an address leads to, or null if that is no log. */
export function parseLink(search: string): ILogLink | null {
  const value = new URLSearchParams(search).get(LINK_PARAMETER) ?? '';
  const match = /^(\w+)\/([^/]+)(?:\/(.+):([1-9]\d{0,14}))?$/.exec(value);
  const kind = KINDS.find(each => each === match?.[1]);
  const name = match?.[2];
  if (!match || !kind || name === undefined) {
    return null;
  }
  const [stream, number] = [match[3], match[4]];
  const line =
    stream === undefined
      ? null
      : { LogStreamName: stream, StreamLineNumber: Number(number) - 1 };
  return { kind, name, line };
}

/** Return the query of an address without our part of it. */
export function withoutLink(search: string): string {
  const parameters = new URLSearchParams(search);
  parameters.delete(LINK_PARAMETER);
  const rest = parameters.toString();
  return rest ? `?${rest}` : '';
}
