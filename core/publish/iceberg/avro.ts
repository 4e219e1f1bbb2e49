/**
 * Avro's object container files, as Iceberg keeps its manifests in them.
 * Source: https://avro.apache.org/docs/1.12.0/specification/#object-container-files
 */
import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
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

/** A long with a logical type, such as timestamp-micros, is one all the same: the registry knows bare names only. */
const asLong = (schema: unknown): avro.Type | undefined =>
  typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long'
    ? longs
    : undefined;

/** To compile a schema takes milliseconds; the manifests of many tables, and all lists, have few of them. */
const typesMax = 32;
const types = new Map<string, avro.Type>();

function typeOf(schema: string): avro.Type {
  const type =
    types.get(schema) ??
    avro.Type.forSchema(JSON.parse(schema) as avro.Schema, {
      registry: { long: longs },
      typeHook: asLong,
    });
  if (types.size >= typesMax) types.clear();
  types.set(schema, type);
  return type;
}

const syncBytes = 16;
const magic = Buffer.from('Obj\x01', 'latin1');

const headerType = avro.Type.forSchema({
  type: 'record',
  name: 'Header',
  fields: [
    { name: 'magic', type: { type: 'fixed', name: 'Magic', size: magic.length } },
    { name: 'meta', type: { type: 'map', values: 'bytes' } },
    { name: 'sync', type: { type: 'fixed', name: 'Sync', size: syncBytes } },
  ],
});
type Header = {
  readonly magic: Buffer;
  readonly meta: Readonly<Record<string, Buffer>>;
  readonly sync: Buffer;
};

const blockType = avro.Type.forSchema({
  type: 'record',
  name: 'Block',
  fields: [
    { name: 'count', type: 'long' },
    { name: 'data', type: 'bytes' },
    { name: 'sync', type: { type: 'fixed', name: 'BlockSync', size: syncBytes } },
  ],
});
type Block = { readonly count: number; readonly data: Buffer; readonly sync: Buffer };

/** Records are put together in blocks of about so many bytes before compression. */
const blockBytes = 64 * 1024;

/** @param metadata what Iceberg writes into the header beside the schema: `format-version`, … */
export function writeAvro(
  schema: AvroSchema,
  records: Iterable<unknown>,
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const schemaText = JSON.stringify(schema);
  const type = typeOf(schemaText);
  const sync = randomBytes(syncBytes);
  const texts = { ...metadata, 'avro.schema': schemaText, 'avro.codec': 'deflate' };
  const meta = Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, Buffer.from(text, 'utf8')]),
  );
  const pieces = [headerType.toBuffer({ magic, meta, sync })];
  let block: Buffer[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (block.length === 0) return;
    const data = zlib.deflateRawSync(Buffer.concat(block));
    pieces.push(blockType.toBuffer({ count: block.length, data, sync }));
    block = [];
    bytes = 0;
  };
  for (const record of records) {
    const encoded = type.toBuffer(record);
    block.push(encoded);
    bytes += encoded.length;
    if (bytes >= blockBytes) flush();
  }
  flush();
  return Buffer.concat(pieces);
}

const codecs: Readonly<Record<string, (data: Buffer) => Buffer>> = {
  null: (data) => data,
  deflate: (data) => zlib.inflateRawSync(data),
};

/** One value from `at` on; throws where the bytes end before it does. */
function decode<T>(type: avro.Type, bytes: Buffer, at: number): { readonly value: T; readonly end: number } {
  const { value, offset } = type.decode(bytes, at);
  if (offset < 0) throw new Error(`it ends within a value at byte ${at}`);
  return { value: value as T, end: offset };
}

/** A file's records, by the schema in its header, and the header's texts. */
export type AvroFile<T> = {
  readonly records: T[];
  readonly schema: AvroSchema;
  readonly metadata: Readonly<Record<string, string>>;
};

/** The records of a file. @throws Error where it is not such a file, or not all of one */
export const readAvro = <T>(body: Buffer): T[] => readAvroFile<T>(body).records;

/** @throws Error where it is not such a file, or not all of one */
export function readAvroFile<T>(body: Buffer): AvroFile<T> {
  if (!body.subarray(0, magic.length).equals(magic)) throw new Error('it is no Avro file');
  const { value: header, end } = decode<Header>(headerType, body, 0);
  const codec = header.meta['avro.codec']?.toString('utf8') ?? 'null';
  const inflate = codecs[codec];
  if (!inflate) throw new Error(`its codec is ${codec}; known are ${Object.keys(codecs).join(', ')}`);
  const metadata = Object.fromEntries(
    Object.entries(header.meta).map(([name, text]) => [name, text.toString('utf8')]),
  );
  const schema: AvroSchema = JSON.parse(metadata['avro.schema']!);
  const type = typeOf(metadata['avro.schema']!);
  const records: T[] = [];
  for (let at = end; at < body.length; ) {
    const { value: block, end: next } = decode<Block>(blockType, body, at);
    if (!block.sync.equals(header.sync)) throw new Error(`its block at byte ${at} has no end`);
    const data = inflate(block.data);
    let read = 0;
    for (let left = block.count; left > 0; left--) {
      const { value, end: after } = decode<T>(type, data, read);
      records.push(value);
      read = after;
    }
    if (read !== data.length) throw new Error(`its block at byte ${at} has more bytes than records`);
    at = next;
  }
  return { records, schema, metadata };
}
