import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { StateFailed, unlessHalted, withinDataLimit } from './failure.ts';
import type { Json } from './template.ts';

const newline = 0x0a;

/**
 * Copies a dataset of JSON lines from the object store into `file`, an item a line. The file is there only when it
 * is whole; a redrive goes on with it, whatever has become of the object. Memory does not grow with the dataset.
 *
 * @param source the evaluated Arguments of the ItemReader
 * @returns how many items there are
 * @throws StateFailed States.ItemReaderFailed: the object cannot be read, or a line is no item
 */
export async function fetchItems(
  s3: S3Client,
  source: Json,
  file: string,
  halt: AbortSignal,
): Promise<number> {
  const { bucket, key } = locationOf(source);
  const failed = (reason: string) =>
    new StateFailed('States.ItemReaderFailed', `Reading s3://${bucket}/${key} failed: ${reason}`);
  // a name of its own: a stopped execution may be redriven while this still reads
  const started = `${file}.${randomUUID()}.part`;
  mkdirSync(dirname(file), { recursive: true });
  const fd = openSync(started, 'w');
  try {
    let items = 0;
    for await (const lines of linesOf(openObject(s3, bucket, key, halt), halt, failed)) {
      const checked = lines.filter((line) => line.length > 0).map((line) => itemOf(line, ++items, failed));
      if (checked.length > 0) writeSync(fd, `${checked.join('\n')}\n`);
    }
    halt.throwIfAborted();
    renameSync(started, file);
    return items;
  } finally {
    closeSync(fd);
    rmSync(started, { force: true });
  }
}

function locationOf(source: Json): { bucket: string; key: string } {
  const { Bucket: bucket, Key: key } = source as { readonly [name: string]: Json };
  if (typeof bucket === 'string' && typeof key === 'string') return { bucket, key };
  throw new StateFailed('States.ItemReaderFailed', 'Bucket and Key of the ItemReader must be texts.');
}

function itemOf(line: string, number: number, failed: (reason: string) => StateFailed): string {
  try {
    return withinDataLimit(JSON.stringify(JSON.parse(line)), 'an item');
  } catch (error) {
    throw failed(
      error instanceof StateFailed ? `item ${number} is larger than 256 KiB` : `item ${number} is not JSON`,
    );
  }
}

async function* openObject(
  s3: S3Client,
  bucket: string,
  key: string,
  halt: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const command = new GetObjectCommand({ Bucket: bucket, Key: key });
  const { Body } = await unlessHalted(s3.send(command, { abortSignal: halt }), halt);
  yield* Body as AsyncIterable<Uint8Array>;
}

/** The lines of a stream, as many at once as a piece of it holds. */
async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  halt: AbortSignal,
  failed: (reason: string) => StateFailed,
): AsyncGenerator<string[]> {
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const piece of bytes) {
      const known = Buffer.concat([rest, piece]);
      const end = known.lastIndexOf(newline) + 1;
      rest = known.subarray(end);
      if (end > 0)
        yield known
          .subarray(0, end - 1)
          .toString()
          .split('\n');
      halt.throwIfAborted();
    }
  } catch (error) {
    if (error instanceof StateFailed || halt.aborted) throw error;
    throw failed(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
  yield [rest.toString()];
}

/** The items of a file written by `fetchItems`, one after the other. */
export type Items = { next(): string | null; close(): void };

const stepBytes = 64 * 1024;

/** @param skip how many items to pass over */
export function openItems(file: string, skip: number): Items {
  const fd = openSync(file, 'r');
  const step = Buffer.alloc(stepBytes);
  let offset = 0;
  let known: Buffer = Buffer.alloc(0);
  const next = (): string | null => {
    for (;;) {
      const end = known.indexOf(newline);
      if (end >= 0) {
        const line = known.subarray(0, end).toString();
        known = known.subarray(end + 1);
        return line;
      }
      const bytes = readSync(fd, step, 0, step.length, offset);
      if (bytes === 0) return null;
      offset += bytes;
      known = Buffer.concat([known, step.subarray(0, bytes)]);
    }
  };
  for (let passed = 0; passed < skip; passed += 1) next();
  return { next, close: () => closeSync(fd) };
}

/** null: the dataset was never read to its end */
export function countItems(file: string): number | null {
  if (!existsSync(file)) return null;
  const items = openItems(file, 0);
  try {
    let count = 0;
    while (items.next() !== null) count += 1;
    return count;
  } finally {
    items.close();
  }
}
