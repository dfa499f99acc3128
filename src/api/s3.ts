import { ServerConnection } from '@jupyterlab/services';

import { NETWORK_ERROR, requestAPI, RequestError, urlOf } from './request';
import type { IDeletion, IFolderPage, IObjectCount, Preview } from './types';

/** A part of an upload that was begun; numbers start at 1. */
export interface IPart {
  uploadId: string;
  partNumber: number;
}

/** What the S3 browser asks the server extension for. */
export interface IS3Client {
  buckets(): Promise<{ name: string; created: string }[]>;
  createBucket(bucket: string): Promise<void>;
  /** Delete a bucket that is empty. */
  deleteBucket(bucket: string): Promise<void>;
  /** A page of what has keys that begin with a prefix. */
  folder(
    bucket: string,
    prefix: string,
    nextToken?: string
  ): Promise<IFolderPage>;
  count(bucket: string, prefix: string): Promise<IObjectCount>;
  delete(
    bucket: string,
    keys: readonly string[],
    prefixes: readonly string[]
  ): Promise<IDeletion>;
  preview(bucket: string, key: string): Promise<Preview>;
  /** The bytes of a picture. */
  picture(bucket: string, key: string): Promise<Blob>;
  /** Where a browser downloads an object as a file. */
  downloadUrl(bucket: string, key: string): string;
  beginUpload(bucket: string, key: string): Promise<string>;
  completeUpload(
    bucket: string,
    key: string,
    uploadId: string,
    etags: readonly string[]
  ): Promise<void>;
  abortUpload(bucket: string, key: string, uploadId: string): Promise<void>;
  /** Store an object, or a part of one; resolves to its ETag. */
  send(
    bucket: string,
    key: string,
    body: Blob,
    part: IPart | null,
    signal: AbortSignal
  ): Promise<string>;
  /** Store a file or folder of the Jupyter server below a prefix. */
  sendFiles(
    bucket: string,
    prefix: string,
    path: string,
    signal: AbortSignal
  ): Promise<{ files: number; bytes: number }>;
}

/** The client that asks a real server. */
export class S3Client implements IS3Client {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  async buckets(): Promise<{ name: string; created: string }[]> {
    const { Buckets } = await this._call<{
      Buckets?: { Name: string; CreationDate: string }[];
    }>('ListBuckets', {});
    return (Buckets ?? []).map(({ Name, CreationDate }) => ({
      name: Name,
      created: CreationDate
    }));
  }

  async createBucket(bucket: string): Promise<void> {
    await this._call('CreateBucket', { Bucket: bucket });
  }

  async deleteBucket(bucket: string): Promise<void> {
    await this._call('DeleteBucket', { Bucket: bucket });
  }

  folder(
    bucket: string,
    prefix: string,
    nextToken?: string
  ): Promise<IFolderPage> {
    return this._get(bucket, 'folder', {
      prefix,
      ...(nextToken ? { nextToken } : {})
    });
  }

  count(bucket: string, prefix: string): Promise<IObjectCount> {
    return this._get(bucket, 'count', { prefix });
  }

  delete(
    bucket: string,
    keys: readonly string[],
    prefixes: readonly string[]
  ): Promise<IDeletion> {
    return this._post(bucket, 'deletion', { keys, prefixes });
  }

  preview(bucket: string, key: string): Promise<Preview> {
    return this._get(bucket, 'preview', { key });
  }

  async picture(bucket: string, key: string): Promise<Blob> {
    const url = urlOf(this._settings, ['s3', bucket, 'object'], {
      key,
      inline: '1'
    });
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, {}, this._settings);
      if (response.ok) {
        return await response.blob();
      }
    } catch (reason) {
      throw new RequestError(String(reason), NETWORK_ERROR, 0);
    }
    throw new RequestError(
      response.statusText,
      String(response.status),
      response.status
    );
  }

  downloadUrl(bucket: string, key: string): string {
    return urlOf(this._settings, ['s3', bucket, 'object'], { key });
  }

  async beginUpload(bucket: string, key: string): Promise<string> {
    const { UploadId } = await this._call<{ UploadId: string }>(
      'CreateMultipartUpload',
      { Bucket: bucket, Key: key }
    );
    return UploadId;
  }

  async completeUpload(
    bucket: string,
    key: string,
    uploadId: string,
    etags: readonly string[]
  ): Promise<void> {
    const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }));
    await this._call('CompleteMultipartUpload', {
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
      MultipartUpload: { Parts }
    });
  }

  async abortUpload(
    bucket: string,
    key: string,
    uploadId: string
  ): Promise<void> {
    await this._call('AbortMultipartUpload', {
      Bucket: bucket,
      Key: key,
      UploadId: uploadId
    });
  }

  async send(
    bucket: string,
    key: string,
    body: Blob,
    part: IPart | null,
    signal: AbortSignal
  ): Promise<string> {
    const query: Record<string, string> = part
      ? { uploadId: part.uploadId, partNumber: String(part.partNumber) }
      : {};
    const { etag } = await requestAPI<{ etag: string }>(
      this._settings,
      ['s3', bucket, 'object'],
      {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/octet-stream' },
        signal
      },
      { key, ...query }
    );
    return etag;
  }

  sendFiles(
    bucket: string,
    prefix: string,
    path: string,
    signal: AbortSignal
  ): Promise<{ files: number; bytes: number }> {
    return this._post(bucket, 'files', { prefix, path }, { signal });
  }

  private _call<T>(
    operation: string,
    params: Record<string, unknown>
  ): Promise<T> {
    return requestAPI(this._settings, ['api', 's3', operation], {
      method: 'POST',
      body: JSON.stringify(params)
    });
  }

  private _get<T>(
    bucket: string,
    view: string,
    query: Record<string, string>
  ): Promise<T> {
    return requestAPI(this._settings, ['s3', bucket, view], {}, query);
  }

  private _post<T>(
    bucket: string,
    view: string,
    body: unknown,
    init: RequestInit = {}
  ): Promise<T> {
    return requestAPI(this._settings, ['s3', bucket, view], {
      ...init,
      method: 'POST',
      body: JSON.stringify(body)
    });
  }
}
