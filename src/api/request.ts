import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { reviveDates } from './dates';

/** The part of the Jupyter server's address space that is ours. */
const NAMESPACE = 'mlstudio';

/** The code the server answers with while there is no studio to ask. */
export const STUDIO_UNAVAILABLE = 'StudioUnavailable';

/** The code of an error in which no server took part. */
export const NETWORK_ERROR = 'NetworkError';

/** What proxies, and JupyterHub, answer for a server that is away. */
const AWAY = [424, 502, 503, 504];

/** A request that did not end well; `message` is for the user. */
export class RequestError extends Error {
  constructor(
    message: string,
    /** The code as AWS writes it, or one of ours. */
    readonly code: string,
    /** The HTTP status; 0 where no answer came. */
    readonly status: number,
    /** Further members of the error. */
    readonly fields: Record<string, unknown> = {}
  ) {
    super(message);
    this.name = 'RequestError';
  }

  /** Whether the studio is away, or the way to it. */
  get disconnected(): boolean {
    return this.code === STUDIO_UNAVAILABLE || this.code === NETWORK_ERROR;
  }
}

/**
 * Ask the server extension.
 *
 * @param path - segments below `mlstudio/`; each is encoded.
 * @returns the JSON document of the answer, timestamps as dates.
 * @throws RequestError
 */
export async function requestAPI<T>(
  serverSettings: ServerConnection.ISettings,
  path: readonly string[],
  init: RequestInit = {},
  query: Record<string, string> = {}
): Promise<T> {
  const { response, body: text } = await send(
    urlOf(serverSettings, path, query),
    init,
    serverSettings,
    answer => answer.text()
  );
  const document = parse(text, response);
  if (!response.ok) {
    throw toError(document, response);
  }
  return reviveDates(document) as T;
}

/**
 * Ask the server extension for a file.
 *
 * @throws RequestError
 */
export async function requestFile(
  serverSettings: ServerConnection.ISettings,
  path: readonly string[],
  init: RequestInit = {}
): Promise<Blob> {
  const { response, body: file } = await send(
    urlOf(serverSettings, path),
    init,
    serverSettings,
    answer => answer.blob()
  );
  if (!response.ok) {
    throw toError(parse(await file.text(), response), response);
  }
  return file;
}

/** Send a request and read its answer, whatever that is. */
async function send<T>(
  url: string,
  init: RequestInit,
  serverSettings: ServerConnection.ISettings,
  read: (response: Response) => Promise<T>
): Promise<{ response: Response; body: T }> {
  try {
    const response = await ServerConnection.makeRequest(
      url,
      init,
      serverSettings
    );
    return { response, body: await read(response) };
  } catch (reason) {
    throw new RequestError(String(reason), NETWORK_ERROR, 0);
  }
}

/** The address of a path below `mlstudio/`; each segment is encoded. */
export function urlOf(
  serverSettings: ServerConnection.ISettings,
  path: readonly string[],
  query: Record<string, string> = {}
): string {
  return (
    URLExt.join(
      serverSettings.baseUrl,
      NAMESPACE,
      ...path.map(encodeURIComponent)
    ) + URLExt.objectToQueryString(query)
  );
}

function parse(text: string, response: Response): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy between us and the server answered, or the extension is not enabled.
    throw new RequestError(
      `${response.status} ${response.statusText}`,
      AWAY.includes(response.status) ? NETWORK_ERROR : 'NotJSON',
      response.status
    );
  }
}

function toError(document: unknown, response: Response): RequestError {
  const { code, message, fields } = (document ?? {}) as {
    code?: string;
    message?: string;
    fields?: Record<string, unknown>;
  };
  return new RequestError(
    message ?? response.statusText,
    code ?? String(response.status),
    response.status,
    fields
  );
}
