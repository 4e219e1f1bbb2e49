import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type EmbeddedS3, startS3 } from '../../../local/s3.ts';

/** An embedded S3 with the bucket `lake`, and the real SDK's client of it with its default settings. */
export type Running = {
  readonly folder: string;
  readonly server: EmbeddedS3;
  readonly client: S3Client;
  stop(): Promise<void>;
};

export const clientOf = (endpoint: string): S3Client =>
  new S3Client({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
  });

export const scratchFolder = (): string => fs.mkdtempSync(path.join(os.tmpdir(), 'tidemark-s3-'));

export async function running(): Promise<Running> {
  const folder = scratchFolder();
  const server = await startS3({ folder });
  const client = clientOf(server.endpoint);
  await client.send(new CreateBucketCommand({ Bucket: 'lake' }));
  return {
    folder,
    server,
    client,
    stop: async () => {
      client.destroy();
      await server.stop();
      fs.rmSync(folder, { recursive: true });
    },
  };
}

export type RawAnswer = {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
};

/** A request byte by byte as given, as no SDK would send it. */
export function raw(
  endpoint: string,
  method: string,
  target: string,
  headers: Record<string, string> = {},
  body: string | Buffer = '',
): Promise<RawAnswer> {
  const { hostname, port } = new URL(endpoint);
  return new Promise((resolve, reject) => {
    const request = http.request(
      { hostname, port, method, path: target, headers, agent: false },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(pieces).toString('utf8'),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** What an operation was refused with: `code status`, or the empty string when it was not. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return '';
  } catch (error) {
    if (!(error instanceof Error) || !('$metadata' in error)) throw error;
    const { httpStatusCode } = error.$metadata as { httpStatusCode?: number };
    return `${error.name} ${httpStatusCode}`;
  }
}
