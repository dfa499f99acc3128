/** A bucket and what keys in it begin with; `bucket` is empty where all buckets are meant. */
export interface IS3Location {
  bucket: string;
  key: string;
}

const URI = /^s3:\/\/([^/]+)(?:\/(.*))?$/s;

/** Read a URI; null where it is none. */
export function parseUri(uri: string): IS3Location | null {
  if (uri === 's3://') {
    return { bucket: '', key: '' };
  }
  const [, bucket, key] = URI.exec(uri) ?? [];
  return bucket === undefined ? null : { bucket, key: key ?? '' };
}

export function toUri({ bucket, key }: IS3Location): string {
  return bucket === '' ? 's3://' : `s3://${bucket}/${key}`;
}

/** The last part of a key, e.g. `b/` of `a/b/` and `c` of `a/c`. */
export function lastPart(key: string): string {
  const end = key.endsWith('/') ? key.length - 1 : key.length;
  return key.slice(key.lastIndexOf('/', end - 1) + 1);
}

/** The folder a key or prefix is in: everything up to its last slash. */
export function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

/** The folder above, e.g. `a/` of `a/b/`. */
export function parentOf(prefix: string): string {
  return folderOf(prefix.replace(/\/$/, ''));
}
