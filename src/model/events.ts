import type { Event } from '@jupyterlab/services';
import type { ReadonlyJSONObject } from '@lumino/coreutils';

import type { IResourceEvent } from '../tokens';

/** The id of the events our server extension emits. */
export const RESOURCE_SCHEMA =
  'https://events.jupyter.org/jupyter_mlstudio/resource/v1';

/** The kind of the events that speak of the studio itself. */
export const STUDIO_KIND = 'Studio';

/** Return the change an event of Jupyter's stream tells of, or null if it is not one of ours. */
export function toResourceEvent(event: Event.Emission): IResourceEvent | null {
  if (event.schema_id !== RESOURCE_SCHEMA) {
    return null;
  }
  const { kind, name, status } = event as ReadonlyJSONObject;
  return { kind: String(kind), name: String(name), status: String(status) };
}
