import type { Column } from '../column.ts';
import { boundBytesMax } from './binary-bounds.ts';
import type { Codec } from './codec.ts';
import type { FinishedChunk } from './column-chunk.ts';
import { encoding, pageType } from './page.ts';
import { physicalTypeOf, writeSchema } from './schema.ts';
import { writeStatistics } from './statistics.ts';
import { type ThriftWriter, thriftWriter } from './thrift.ts';

/** A file begins and ends with it. */
export const magic: Uint8Array = Buffer.from('PAR1', 'latin1');

/** Which program wrote a file, in the form that readers parse: name, version, build. */
export const createdBy = 'tidemark version 0.1.0 (build core/formats/parquet)';

/** A chunk that has found its place in the file. Its pieces are gone into the file. */
export type PlacedChunk = Omit<FinishedChunk, 'pieces'> & {
  /** of its first page, from the beginning of the file */
  readonly offset: number;
};

export type RowGroup = { readonly rows: number; readonly chunks: readonly PlacedChunk[] };

/** The end of a file: metadata, its length, magic. */
export function footer(
  columns: readonly Column[],
  codec: Codec,
  rowGroups: readonly RowGroup[],
  keyValues: Readonly<Record<string, string>>,
): Buffer {
  const thrift = thriftWriter();
  // the format's authors ask for version 1, whatever features a file uses
  thrift.i32(1, 1);
  writeSchema(thrift, 2, columns);
  thrift.i64(
    3,
    sum(rowGroups, ({ rows }) => rows),
  );
  thrift.structList(4, rowGroups, (group) => writeRowGroup(thrift, columns, codec, group));
  const pairs = Object.entries(keyValues);
  if (pairs.length > 0) {
    thrift.structList(5, pairs, ([key, value]) => {
      thrift.text(1, key);
      thrift.text(2, value);
    });
  }
  thrift.text(6, createdBy);
  // TYPE_ORDER for every column: without it readers must not trust min and max
  thrift.structList(7, columns, () => thrift.struct(1, () => {}));
  const metadata = thrift.take();
  const length = Buffer.alloc(4);
  length.writeUInt32LE(metadata.length);
  return Buffer.concat([metadata, length, magic]);
}

function writeRowGroup(
  thrift: ThriftWriter,
  columns: readonly Column[],
  codec: Codec,
  { rows, chunks }: RowGroup,
): void {
  const pairs = columns.map((column, index) => ({ column, chunk: chunks[index]! }));
  thrift.structList(1, pairs, ({ column, chunk }) => {
    // file_offset: 0, as the chunk's metadata stands nowhere but here
    thrift.i64(2, 0);
    thrift.struct(3, () => writeColumnMetaData(thrift, column, codec, chunk));
  });
  thrift.i64(
    2,
    sum(chunks, ({ uncompressedBytes }) => uncompressedBytes),
  );
  thrift.i64(3, rows);
  if (chunks.length > 0) thrift.i64(5, chunks[0]!.offset);
  thrift.i64(
    6,
    sum(chunks, ({ compressedBytes }) => compressedBytes),
  );
}

function writeColumnMetaData(thrift: ThriftWriter, column: Column, codec: Codec, chunk: PlacedChunk): void {
  const { offset, dictionaryPageBytes, pages } = chunk;
  const hasDictionary = dictionaryPageBytes > 0;
  thrift.i32(1, physicalTypeOf(column.type));
  thrift.i32List(
    2,
    hasDictionary ? [encoding.plain, encoding.rle, encoding.rleDictionary] : [encoding.plain, encoding.rle],
  );
  thrift.textList(3, [column.name]);
  thrift.i32(4, codec.id);
  thrift.i64(5, chunk.rows);
  thrift.i64(6, chunk.uncompressedBytes);
  thrift.i64(7, chunk.compressedBytes);
  thrift.i64(9, offset + dictionaryPageBytes);
  if (hasDictionary) thrift.i64(11, offset);
  writeStatistics(thrift, 12, chunk.statistics);
  const kinds = [
    { type: pageType.dictionary, of: encoding.plain, count: hasDictionary ? 1 : 0 },
    { type: pageType.data, of: encoding.rleDictionary, count: pages.rleDictionary },
    { type: pageType.data, of: encoding.plain, count: pages.plain },
  ].filter(({ count }) => count > 0);
  thrift.structList(13, kinds, ({ type, of, count }) => {
    thrift.i32(1, type);
    thrift.i32(2, of);
    thrift.i32(3, count);
  });
}

/** Fields of a chunk's metadata without name and bounds, each at its longest; likewise of a schema element. */
const chunkFixedBytesMax = 192;
const elementFixedBytesMax = 96;
const fileFixedBytesMax = 256;

/** The most bytes that the footer of a file with so many row groups takes. */
export function footerBytesMax(
  columns: readonly Column[],
  keyValues: Readonly<Record<string, string>>,
): (rowGroups: number) => number {
  const nameBytes = sum(columns, ({ name }) => Buffer.byteLength(name, 'utf8'));
  const pairBytes = sum(Object.entries(keyValues), ([key, value]) => Buffer.byteLength(key + value) + 16);
  const once = fileFixedBytesMax + pairBytes + nameBytes + columns.length * elementFixedBytesMax;
  // a shortened bound may be a little longer than what it stands for: its last character grew
  const perGroup = 64 + nameBytes + columns.length * (chunkFixedBytesMax + 2 * (boundBytesMax + 4));
  return (rowGroups) => once + rowGroups * perGroup;
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number => {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
};
