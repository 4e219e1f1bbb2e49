/**
 * Reads a table as an Iceberg reader that is not ours (icebird) does: by its path, from version-hint.text on. Nothing of
 * core/publish is used here.
 */
import { inflateRawSync } from 'node:zlib';
import type { S3Client } from '@aws-sdk/client-s3';
import { avroMetadata, avroRead, icebergManifests, icebergMetadata, icebergRead } from 'icebird';

export type ReadMetadata = Awaited<ReturnType<typeof icebergMetadata>>;
/** A record of an Avro file: longs are bigint, missing values undefined, maps arrays of `{key, value}`. */
export type AvroRecord = Readonly<Record<string, unknown>>;

export type AvroFile = {
  /** the header's texts; `avro.schema` and `schema` parsed */
  readonly header: Readonly<Record<string, unknown>>;
  readonly records: readonly AvroRecord[];
};

/** An Avro file by icebird's own code. @throws Error where it is none */
export async function readAvroFile(body: Buffer): Promise<AvroFile> {
  const { header: texts } = layoutOfAvro(body);
  if (texts['avro.codec'] !== 'deflate') throw new Error(`codec ${texts['avro.codec']}`);
  const reader = { view: new DataView(new Uint8Array(inflated(body)).buffer), offset: 0 };
  const { metadata, syncMarker } = avroMetadata(reader);
  const records = await quietly(async () => avroRead({ reader, metadata, syncMarker }));
  return { header: { ...metadata, 'avro.codec': 'deflate' }, records };
}

export type IcebergReader = {
  /** @param file the metadata file's name, as a catalog has it; default: the one of the hint */
  metadata(tableUrl: string, file?: string): Promise<ReadMetadata>;
  /** All rows of the current snapshot, or of another one; [] where it has no files. */
  rows(tableUrl: string, snapshotId?: number, file?: string): Promise<Record<string, unknown>[]>;
  /** Header and entries of the manifest list of the current snapshot, or of another one. */
  manifestList(metadata: ReadMetadata, snapshotId?: number): Promise<AvroFile>;
  /** The same snapshot's manifests as icebird reads them: sequence numbers inherited. */
  manifests(metadata: ReadMetadata, snapshotId?: number): ReturnType<typeof icebergManifests>;
  /** Header and entries of one manifest, nothing inherited. */
  manifest(url: string): Promise<AvroFile>;
};

const notFound = 'No data manifest files found for current snapshot';

/** @param s3 whose endpoint answers for all of S3, or that endpoint */
export function icebergReader(s3: S3Client | string): IcebergReader {
  const through = async <T>(work: () => Promise<T>): Promise<T> => {
    const endpoint = await endpointOf(s3);
    return quietly(() => routed(endpoint, work));
  };
  const file = async (url: string): Promise<AvroFile> => {
    const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(url) ?? [];
    const answer = await fetch(`${await endpointOf(s3)}/${bucket}/${key}`);
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return readAvroFile(Buffer.from(await answer.arrayBuffer()));
  };
  const metadataOf = (tableUrl: string, metadataFileName?: string) =>
    icebergMetadata({ tableUrl, ...(metadataFileName && { metadataFileName }) });
  const reader: IcebergReader = {
    metadata: (tableUrl, file) => through(() => metadataOf(tableUrl, file)),
    rows: (tableUrl, snapshotId, file) =>
      through(async () => {
        const metadata = at(await metadataOf(tableUrl, file), snapshotId);
        try {
          return await icebergRead({ tableUrl, metadata });
        } catch (error) {
          if ((error as Error).message === notFound) return [];
          throw error;
        }
      }),
    async manifestList(metadata, snapshotId) {
      const { 'current-snapshot-id': id, snapshots } = at(metadata, snapshotId);
      const snapshot = snapshots?.find((one) => one['snapshot-id'] === id);
      if (!snapshot) throw new Error(`there is no snapshot ${id}`);
      return file(snapshot['manifest-list']);
    },
    manifests: (metadata, snapshotId) => through(() => icebergManifests(at(metadata, snapshotId))),
    manifest: file,
  };
  return reader;
}

/** The table as it was when this snapshot was the current one. */
function at(metadata: ReadMetadata, snapshotId: number | undefined): ReadMetadata {
  if (snapshotId === undefined) return metadata;
  const snapshot = metadata.snapshots?.find((one) => one['snapshot-id'] === snapshotId);
  return {
    ...metadata,
    'current-snapshot-id': snapshotId,
    'current-schema-id': snapshot?.['schema-id'] ?? metadata['current-schema-id'],
  };
}

async function endpointOf(s3: S3Client | string): Promise<string> {
  if (typeof s3 === 'string') return s3;
  const { protocol, hostname, port } = await s3.config.endpoint!();
  return `${protocol}//${hostname}:${port}`;
}

/** What goes to S3 by a bucket's host name goes to the endpoint by path; everything else goes where it went. */
async function routed<T>(endpoint: string, work: () => Promise<T>): Promise<T> {
  const real = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const [, bucket, rest] = /^https:\/\/([^/]+)\.s3\.amazonaws\.com\/(.*)$/s.exec(url) ?? [];
    if (bucket === undefined) return real(input, init);
    const target = `${endpoint}/${bucket}/${rest}`;
    return real(input instanceof Request ? new Request(target, input) : target, init).then(async (answer) => {
      if (!url.endsWith('.avro')) return answer;
      const body = Buffer.from(await answer.arrayBuffer());
      // icebird takes an error's body for an Avro file
      if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
      return new Response(new Uint8Array(inflated(body)));
    });
  };
  try {
    return await work();
  } finally {
    globalThis.fetch = real;
  }
}

/** icebird warns of logical types that it leaves as they are: `map` on arrays, which is Iceberg's own. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { warn } = console;
  console.warn = (...words: unknown[]) => {
    if (!String(words[0]).startsWith('unknown logical type')) warn(...words);
  };
  try {
    return await work();
  } finally {
    console.warn = warn;
  }
}

// --- the container, by Avro's own definition ---------------------------------------------------------------------

export type AvroLayout = {
  /** the header's map, values as text */
  readonly header: Readonly<Record<string, string>>;
  /** where the header ends, and after it each block */
  readonly ends: readonly number[];
  readonly blocks: readonly { readonly records: number; readonly data: Buffer }[];
};

/** A zigzag varint. @returns its value and where it ends */
function long(body: Buffer, from: number): [value: number, end: number] {
  let value = 0n;
  for (let at = from, shift = 0n; ; at++, shift += 7n) {
    const byte = body.readUInt8(at);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [Number((value >> 1n) ^ -(value & 1n)), at + 1];
  }
}

/** @throws Error, RangeError where it is no such file, or not all of one */
export function layoutOfAvro(body: Buffer): AvroLayout {
  if (body.subarray(0, 4).toString('latin1') !== 'Obj\u0001') throw new Error('no Avro file');
  const header: Record<string, string> = {};
  let at = 4;
  const number = (): number => {
    const [value, end] = long(body, at);
    at = end;
    return value;
  };
  const bytes = (length: number): Buffer => {
    at += length;
    if (at > body.length) throw new RangeError('the file ends before its end');
    return body.subarray(at - length, at);
  };
  for (let pairs = number(); pairs !== 0; pairs = number()) {
    // a negative count comes with the length in bytes
    if (pairs < 0) number();
    for (let pair = 0; pair < Math.abs(pairs); pair++) {
      const name = bytes(number()).toString('utf8');
      header[name] = bytes(number()).toString('utf8');
    }
  }
  const sync = bytes(16);
  const ends = [at];
  const blocks: { records: number; data: Buffer }[] = [];
  while (at < body.length) {
    blocks.push({ records: number(), data: bytes(number()) });
    if (!bytes(16).equals(sync)) throw new Error('a block does not end with the marker');
    ends.push(at);
  }
  return { header, ends, blocks };
}

/** The file without its blocks: a whole one of no records. */
export const headerOf = (body: Buffer): Buffer => body.subarray(0, layoutOfAvro(body).ends[0]);

/** The same file without compression: icebird 0.3.1 does not get all deflated blocks right. */
function inflated(body: Buffer): Buffer {
  const { header, blocks } = layoutOfAvro(body);
  const sync = Buffer.alloc(16, 7);
  const text = (value: string): Buffer[] => [varint(Buffer.byteLength(value)), Buffer.from(value)];
  const pairs = Object.entries({ ...header, 'avro.codec': 'null' });
  return Buffer.concat([
    ...[Buffer.from('Obj\u0001', 'latin1'), varint(pairs.length)],
    ...pairs.flatMap(([name, value]) => [...text(name), ...text(value)]),
    ...[varint(0), sync],
    ...blocks.flatMap(({ records, data }) => {
      const plain = inflateRawSync(data);
      return [varint(records), varint(plain.length), plain, sync];
    }),
  ]);
}

/** A count as a zigzag varint. */
function varint(count: number): Buffer {
  const bytes: number[] = [];
  let rest = count * 2;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}
