/** Avro's object container files, as Iceberg keeps its manifests in them. */
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import avro from 'avsc';

/** A schema with Iceberg's `field-id`s, which go into the file's header as they are. */
export type AvroSchema = Readonly<Record<string, unknown>>;

/** 64 bits: a number where it is exact as one. Other writers draw their snapshots' ids from all 63 bits. */
export type Long = number | bigint;

export const toLong = (value: bigint): Long => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

const longs = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => toLong(bytes.readBigInt64LE()),
  toBuffer: (value: Long): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: (value: number) => value,
  toJSON: (value: Long) => Number(value),
  isValid: (value: unknown) => Number.isSafeInteger(value) || typeof value === 'bigint',
  compare: (a: Long, b: Long) => (a === b ? 0 : a < b ? -1 : 1),
});

const typeOf = (schema: unknown): avro.Type =>
  avro.Type.forSchema(schema as avro.Schema, { registry: { long: longs } });

async function collect<T>(stream: Duplex, feed: () => Promise<void> | void): Promise<T[]> {
  const all: T[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('data', (piece: T) => all.push(piece));
    stream.on('end', resolve);
    stream.on('error', reject);
  });
  // whichever fails first is what the caller hears
  ended.catch(() => {});
  await feed();
  stream.end();
  await ended;
  return all;
}

/** @param metadata what Iceberg writes into the header beside the schema: `format-version`, … */
export async function writeAvro(
  schema: AvroSchema,
  records: Iterable<unknown>,
  metadata: Readonly<Record<string, string>>,
): Promise<Buffer> {
  const common = { codec: 'deflate', syncMarker: randomBytes(16) };
  const texts = Object.entries(metadata).map(([name, text]) => [name, Buffer.from(text, 'utf8')]);
  // the header takes the schema as it was given, field ids and all; the blocks need a type of our own longs
  const header = new avro.streams.BlockEncoder(schema as never, {
    ...common,
    writeHeader: 'always',
    // missing in the types of avsc
    ...({ metadata: Object.fromEntries(texts) } as object),
  });
  const blocks = new avro.streams.BlockEncoder(typeOf(schema), { ...common, writeHeader: 'never' });
  const pieces = [
    ...(await collect<Buffer>(header, () => {})),
    ...(await collect<Buffer>(blocks, async () => {
      for (const record of records) {
        if (!blocks.write(record)) await new Promise((drained) => blocks.once('drain', drained));
      }
    })),
  ];
  return Buffer.concat(pieces);
}

/** The records of a file, by the schema in its header; rejects where it is not such a file, or not all of one. */
export async function readAvro<T>(body: Buffer): Promise<T[]> {
  const decoder = new avro.streams.BlockDecoder({ parseHook: typeOf });
  let sync: Buffer | null = null;
  decoder.on('metadata', (_type, _codec, header: { sync: Buffer }) => {
    sync = header.sync;
  });
  const records = await collect<T>(decoder, () => void decoder.write(body));
  // the decoder takes a file that ends in the middle of a block for one that ends before it
  if (sync === null || !body.subarray(-16).equals(sync)) throw new Error('the Avro file ends before its end');
  return records;
}
