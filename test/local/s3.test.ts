import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { isErrorCode } from '../../core/errors.ts';
import { startS3 } from '../../local/s3.ts';
import { bundle, spawnServer } from './s3/child.ts';
import { clientOf, raw, scratchFolder } from './s3/running.ts';

let folder: string;
beforeEach(() => {
  folder = scratchFolder();
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return '';
  } catch (error) {
    if (!(error instanceof Error) || !isErrorCode(error.name)) throw error;
    return `${error.name}: ${error.message}`;
  }
}

describe('startS3', () => {
  it('keeps everything over a restart, on the same port', async () => {
    const first = await startS3({ folder });
    let client = clientOf(first.endpoint);
    await client.send(new CreateBucketCommand({ Bucket: 'lake' }));
    await client.send(
      new PutObjectCommand({
        Bucket: 'lake',
        Key: 'a/b',
        Body: 'body',
        Metadata: { m: '1' },
        ChecksumAlgorithm: 'SHA256',
      }),
    );
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: 'lake', Key: 'u' }));
    const before = await client.send(
      new HeadObjectCommand({ Bucket: 'lake', Key: 'a/b', ChecksumMode: 'ENABLED' }),
    );
    client.destroy();
    await first.stop();
    fs.writeFileSync(path.join(folder, '.meta', 'tmp', 'left-over'), 'x');

    const second = await startS3({ folder, port: first.port });
    expect(second).toMatchObject({ endpoint: first.endpoint, port: first.port, requests: {} });
    client = clientOf(second.endpoint);
    const after = await client.send(
      new HeadObjectCommand({ Bucket: 'lake', Key: 'a/b', ChecksumMode: 'ENABLED' }),
    );
    expect({ ...after, $metadata: 0 }).toEqual({ ...before, $metadata: 0 });
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'lake' }));
    expect(Uploads?.map((upload) => upload.UploadId)).toEqual([UploadId]);
    expect(fs.readdirSync(path.join(folder, '.meta', 'tmp'))).toEqual([]);
    expect(second.requests).toEqual({ HeadObject: 1, ListMultipartUploads: 1 });
    client.destroy();
    await second.stop();
  });

  it('says so when the port is taken, and leaves the folder alone', async () => {
    const first = await startS3({ folder });
    const temp = path.join(folder, '.meta', 'tmp', 'somebody-writes-this');
    fs.writeFileSync(temp, 'x');
    expect(await failure(startS3({ folder, port: first.port }))).toBe(
      `CloudBusy: Port ${first.port} on 127.0.0.1, for the embedded S3, is taken.`,
    );
    expect(fs.existsSync(temp)).toBe(true);
    await first.stop();
  });

  it('says so when the folder cannot be used', async () => {
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, '');
    expect(await failure(startS3({ folder: file }))).toMatch(/^CloudBroken: .*cannot use the folder .*file/);
    fs.mkdirSync(path.join(folder, 'new', '.meta'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'new', '.meta', 'format.json'), '{"format": 2}');
    expect(await failure(startS3({ folder: path.join(folder, 'new') }))).toMatch(/^FormatTooNew: /);
    fs.writeFileSync(path.join(folder, 'new', '.meta', 'format.json'), '{"for');
    expect(await failure(startS3({ folder: path.join(folder, 'new') }))).toMatch(/^CloudBroken: /);
  });

  // other systems do not route the rest of 127.0.0.0/8
  it.runIf(process.platform === 'linux')('listens on 127.0.0.1 only', async () => {
    const { port, stop } = await startS3({ folder });
    const refused = await new Promise((resolve) => {
      net
        .connect(port, '127.0.0.2')
        .once('error', () => resolve(true))
        .once('connect', () => resolve(false));
    });
    expect(refused).toBe(true);
    await stop();
  });

  it('stops in the middle of requests, leaving nothing half done', async () => {
    const { endpoint, port, stop } = await startS3({ folder });
    await raw(endpoint, 'PUT', '/lake');
    const upload = net.connect(port, '127.0.0.1');
    upload.write('PUT /lake/half HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n');
    upload.write(Buffer.alloc(2_000_000));
    const temps = path.join(folder, '.meta', 'tmp');
    while (fs.readdirSync(temps).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const ended = new Promise((resolve) => upload.once('close', resolve).once('error', () => {}));
    await stop();
    await ended;
    expect(fs.readdirSync(temps)).toEqual([]);
    expect(fs.readdirSync(path.join(folder, 'lake'))).toEqual([]);
    await expect(raw(endpoint, 'GET', '/')).rejects.toThrow('ECONNREFUSED');
  });

  it('answers 507 when the disk takes no more, keeps nothing of it, and goes on', async () => {
    // a limit of the size of files is met at the same place as a full disk, and needs no rights to set
    const server = await spawnServer(
      await bundle(folder),
      path.join(folder, 's3'),
      `trap '' XFSZ; ulimit -f 2048; exec "$@"`,
    );
    onTestFinished(() => void server.process.kill('SIGKILL'));
    await raw(server.endpoint, 'PUT', '/lake');
    const { status, body } = await raw(server.endpoint, 'PUT', '/lake/big', {}, Buffer.alloc(5_000_000));
    expect(status).toBe(507);
    expect(body).toMatch(
      /<Code>InternalError<\/Code><Message>The disk that holds .* takes no more bytes \(EFBIG\)/,
    );
    expect((await raw(server.endpoint, 'GET', '/lake/big')).status).toBe(404);
    expect(fs.readdirSync(path.join(folder, 's3', '.meta', 'tmp'))).toEqual([]);
    const client = clientOf(server.endpoint);
    await client.send(new PutObjectCommand({ Bucket: 'lake', Key: 'small', Body: 'fits' }));
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'lake', Key: 'small' }));
    expect(await Body!.transformToString()).toBe('fits');
    client.destroy();
  });
});
