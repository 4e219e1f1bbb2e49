import { TidemarkError } from '../../errors.ts';
import type { Batch, Column } from '../column.ts';
import type { EncodedFile, FileEncoder, Format } from '../format.ts';
import { type Codec, type Compression, defaultCompression, loadCodec } from './codec.ts';
import { type ColumnChunkWriter, columnChunkWriter } from './column-chunk.ts';
import type { DictionaryLimits } from './dictionary.ts';
import { fileStatistics } from './file-statistics.ts';
import { footer, footerBytesMax, magic, type RowGroup } from './footer.ts';
import { pageWriter } from './page.ts';
import { malformed } from './plain.ts';
import { type Scratch, scratch } from './scratch.ts';

export { type Compression, defaultCompression } from './codec.ts';

export type ParquetOptions = {
  readonly compression: Compression;
  /** A row group ends with the batch in which it reaches this many rows … */
  readonly rowGroupRows: number;
  /** … or this many bytes of pages before compression, which is about what a reader of it must hold. */
  readonly rowGroupBytes: number;
  /** A column chunk's dictionary takes no more values than this; indexes then have at most 16 bits … */
  readonly dictionaryEntries: number;
  /** … nor more bytes. Where a table has very many columns, each gets less: see `dictionariesBytesMax`. */
  readonly dictionaryBytes: number;
};

export const parquetDefaults = {
  rowGroupRows: 1_000_000,
  rowGroupBytes: 256 * 1024 * 1024,
  dictionaryEntries: 65_536,
  dictionaryBytes: 1024 * 1024,
} as const satisfies Omit<ParquetOptions, 'compression'>;

/** All dictionaries of a file that is being written stay below this; their tables are about as large again. */
const dictionariesBytesMax = 48 * 1024 * 1024;

/**
 * Parquet files: a page a batch and column, dictionaries where they pay, statistics a column chunk.
 * @throws TidemarkError DefinitionInvalid: the compression is not to be had on this machine
 */
export async function parquetFormat(options: Partial<ParquetOptions> = {}): Promise<Format> {
  const { compression = defaultCompression(), ...rest } = options;
  const complete: ParquetOptions = { compression, ...parquetDefaults, ...rest };
  const codec = await loadCodec(compression);
  const shared = scratch();
  return {
    extension: 'parquet',
    mediaType: 'application/vnd.apache.parquet',
    encoder: (columns, keyValues, memoryShare = 1) =>
      fileEncoder(columns, keyValues, codec, complete, shared, memoryShare),
  };
}

function fileEncoder(
  columns: readonly Column[],
  keyValues: Readonly<Record<string, string>>,
  codec: Codec,
  options: ParquetOptions,
  shared: Scratch,
  memoryShare: number,
): FileEncoder {
  const dictionariesBytes = dictionariesBytesMax * memoryShare;
  const limits: DictionaryLimits = {
    entries: options.dictionaryEntries,
    bytes: Math.min(options.dictionaryBytes, Math.floor(dictionariesBytes / Math.max(columns.length, 1))),
  };
  const pages = pageWriter(codec);
  const writers: ColumnChunkWriter[] = columns.map((column) =>
    columnChunkWriter(column, options.rowGroupRows, limits, pages, shared),
  );
  const footerMax = footerBytesMax(columns, keyValues);

  const pieces: Uint8Array[] = [magic];
  let placedBytes = magic.length;
  const rowGroups: RowGroup[] = [];
  let rows = 0;
  let groupRows = 0;
  let finishedBytes: number | null = null;

  const endRowGroup = (): void => {
    const chunks = writers.map((writer) => {
      const { pieces: chunkPieces, ...chunk } = writer.finish();
      for (const piece of chunkPieces) pieces.push(piece);
      const offset = placedBytes;
      placedBytes += chunk.compressedBytes;
      return { ...chunk, offset };
    });
    rowGroups.push({ rows: groupRows, chunks });
    groupRows = 0;
  };

  const mustBeOpen = (): void => {
    if (finishedBytes !== null)
      throw new TidemarkError('ProtocolViolation', 'A finished Parquet file was used again.');
  };

  return {
    write(batch: Batch) {
      mustBeOpen();
      if (batch.columns.length !== columns.length) {
        throw malformed(`it has ${batch.columns.length} columns instead of ${columns.length}`);
      }
      if (batch.rows === 0) return;
      let groupBytes = 0;
      for (let index = 0; index < writers.length; index++) {
        const writer = writers[index]!;
        writer.write(batch.columns[index]!, batch.rows);
        groupBytes += writer.uncompressedBytes;
      }
      rows += batch.rows;
      groupRows += batch.rows;
      if (groupRows >= options.rowGroupRows || groupBytes >= options.rowGroupBytes) endRowGroup();
    },
    get bytes() {
      if (finishedBytes !== null) return finishedBytes;
      let pending = 0;
      for (const writer of writers) pending += writer.bytes;
      return placedBytes + pending + footerMax(rowGroups.length + (groupRows > 0 ? 1 : 0));
    },
    get rows() {
      return rows;
    },
    finish(): EncodedFile {
      mustBeOpen();
      if (groupRows > 0) endRowGroup();
      const end = footer(columns, codec, rowGroups, keyValues);
      pieces.push(end);
      finishedBytes = placedBytes + end.length;
      return { pieces, bytes: finishedBytes, rows, statistics: fileStatistics(columns, rowGroups) };
    },
  };
}
