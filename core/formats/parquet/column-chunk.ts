import { type Column, type ColumnVector, type Layout, layoutOf } from '../column.ts';
import { type Dictionary, type DictionaryLimits, dictionaryOf } from './dictionary.ts';
import { isDictionaryWorthwhile, probeValuesMax } from './dictionary-probe.ts';
import { countPresent, levelsBytesMax, packBits, writeLevels } from './levels.ts';
import { encoding, type Page, type PageWriter } from './page.ts';
import { malformed } from './plain.ts';
import { bitWidthOf, hybridBytesMax, writeHybrid } from './rle.ts';
import type { Scratch } from './scratch.ts';
import { pageBytesMax, splitPages } from './split-pages.ts';
import { boundsOf, type ChunkStatistics } from './statistics.ts';

/** What one row group holds of one column, encoded. */
export type FinishedChunk = {
  /** the dictionary page first, if there is one, then the data pages */
  readonly pieces: readonly Uint8Array[];
  /** 0: the chunk has no dictionary */
  readonly dictionaryPageBytes: number;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  readonly rows: number;
  readonly pages: { readonly plain: number; readonly rleDictionary: number };
  readonly statistics: ChunkStatistics;
};

/** Writes one column, a chunk after the other. */
export type ColumnChunkWriter = {
  /** Encodes the vector: one page, or several where its values are large. */
  write(vector: ColumnVector, rows: number): void;
  /** An upper bound of what the open chunk would take if it ended now. */
  readonly bytes: number;
  readonly uncompressedBytes: number;
  /** Ends the chunk; the next page begins another one. */
  finish(): FinishedChunk;
};

type DictionaryState =
  /** no value has come yet */
  | 'undecided'
  | 'in use'
  /** earlier pages need the dictionary, the following ones are PLAIN */
  | 'full'
  | 'refused';

/** Where compression makes a page smaller by less than this part of it … */
const savedMin = 0.1;
/** … so many pages after it are stored as they are; then one is tried again, as later values may be others. */
const storedPages = 7;

/** @param expectedRows of a chunk, more or less: for how many rows a dictionary must pay */
export function columnChunkWriter(
  column: Column,
  expectedRows: number,
  limits: DictionaryLimits,
  pageWriter: PageWriter,
  scratch: Scratch,
): ColumnChunkWriter {
  const layout = layoutOf(column.type);
  const bounds = boundsOf(column.type);
  const dictionary = dictionaryOf(layout, limits);
  // NaNs are counted by value, so floating point is looked at in full even where it has a dictionary
  const boundsFromDictionary = column.type.kind !== 'float';

  let state: DictionaryState = 'undecided';
  let pieces: Uint8Array[] = [];
  let compressedBytes = 0;
  let uncompressedBytes = 0;
  let rowsWritten = 0;
  let nulls = 0;
  let pages = { plain: 0, rleDictionary: 0 };
  /** pages that are not compressed, because the one before them did not get smaller */
  let storedToGo = 0;

  const count = (page: Page): void => {
    compressedBytes += page.bytes;
    uncompressedBytes += page.uncompressedBytes;
  };
  const addData = (body: Uint8Array, rows: number, valueEncoding: number): void => {
    const page = pageWriter.data(body, rows, valueEncoding, storedToGo > 0);
    if (storedToGo > 0) storedToGo--;
    else if (page.bytes > page.uncompressedBytes * (1 - savedMin)) storedToGo = storedPages;
    pieces.push(...page.pieces);
    count(page);
  };

  /** The indexes of the vector's values in the dictionary, or null where it is not used for them. */
  const indexed = ({ data, bytes, values }: ColumnVector): Int32Array | null => {
    if (dictionary === null || values === 0 || state === 'full' || state === 'refused') return null;
    const indexes = scratch.indexes(Math.max(values, probeValuesMax));
    if (state === 'undecided') {
      if (!isDictionaryWorthwhile(dictionary, limits, data, bytes, values, expectedRows, indexes)) {
        dictionary.clear();
        state = 'refused';
        return null;
      }
      state = 'in use';
    }
    if (dictionary.index(data, bytes, values, indexes)) return indexes;
    if (pages.rleDictionary === 0) dictionary.clear();
    state = pages.rleDictionary === 0 ? 'refused' : 'full';
    return null;
  };

  const writeIndexed = (vector: ColumnVector, rows: number, indexes: Int32Array, entries: number): void => {
    const bitWidth = bitWidthOf(entries);
    const out = scratch.page(levelsBytesMax(rows) + 1 + hybridBytesMax(vector.values, bitWidth));
    let end = column.nullable ? levels(vector, rows, out) : 0;
    out[end++] = bitWidth;
    end = writeHybrid(indexes, vector.values, bitWidth, out, end);
    addData(out.subarray(0, end), rows, encoding.rleDictionary);
    pages.rleDictionary++;
  };

  const writePlain = (vector: ColumnVector, rows: number): void => {
    if (layout.of === 'binary' && vector.bytes > pageBytesMax) {
      for (const page of splitPages(vector, rows, column.nullable)) writePlainPage(page, page.rows);
    } else {
      writePlainPage(vector, rows);
    }
  };

  const writePlainPage = (vector: ColumnVector, rows: number): void => {
    const { data, bytes, values } = vector;
    if (column.nullable || layout.of === 'bool') {
      const out = scratch.page(levelsBytesMax(rows) + bytes);
      let end = column.nullable ? levels(vector, rows, out) : 0;
      if (layout.of === 'bool') {
        end = packBits(data, values, out, end);
      } else {
        out.set(data.subarray(0, bytes), end);
        end += bytes;
      }
      addData(out.subarray(0, end), rows, encoding.plain);
    } else {
      addData(data.subarray(0, bytes), rows, encoding.plain);
    }
    pages.plain++;
  };

  const levels = ({ present, values }: ColumnVector, rows: number, out: Buffer): number =>
    writeLevels(present, rows, values, scratch.bits((rows + 7) >>> 3), out, 0);

  return {
    write(vector, rows) {
      check(column, layout, vector, rows);
      const { data, bytes, values } = vector;
      const indexes = indexed(vector);
      if (indexes === null) {
        bounds.add(data, bytes, values);
        writePlain(vector, rows);
      } else {
        if (!boundsFromDictionary) bounds.add(data, bytes, values);
        writeIndexed(vector, rows, indexes, entriesOf(dictionary));
      }
      rowsWritten += rows;
      nulls += rows - values;
    },
    get bytes() {
      return (
        compressedBytes + (pages.rleDictionary === 0 ? 0 : pageWriter.dictionaryBytesMax(bytesOf(dictionary)))
      );
    },
    get uncompressedBytes() {
      return uncompressedBytes + bytesOf(dictionary);
    },
    finish() {
      let dictionaryPageBytes = 0;
      if (dictionary !== null && pages.rleDictionary > 0) {
        const plain = dictionary.plain();
        if (boundsFromDictionary) bounds.add(plain, plain.length, dictionary.entries);
        const page = pageWriter.dictionary(plain, dictionary.entries);
        dictionaryPageBytes = page.bytes;
        pieces.unshift(...page.pieces);
        count(page);
      }
      const statistics = { nulls, nans: bounds.nans(), min: bounds.min(), max: bounds.max() };
      const finished: FinishedChunk = {
        pieces,
        dictionaryPageBytes,
        compressedBytes,
        uncompressedBytes,
        rows: rowsWritten,
        pages,
        statistics,
      };
      bounds.reset();
      dictionary?.clear();
      state = 'undecided';
      pieces = [];
      compressedBytes = 0;
      uncompressedBytes = 0;
      rowsWritten = 0;
      nulls = 0;
      pages = { plain: 0, rleDictionary: 0 };
      return finished;
    },
  };
}

const entriesOf = (dictionary: Dictionary | null): number => dictionary?.entries ?? 0;
const bytesOf = (dictionary: Dictionary | null): number => dictionary?.bytes ?? 0;

const fixedWidths = { bool: 1, int32: 4, int64: 8, float: 4, double: 8, fixed: 16, binary: null } as const;

/**
 * A vector that contradicts itself would shift values between rows, silently.
 * (Whether the lengths of binary values add up is seen where they are walked.)
 */
function check(
  column: Column,
  layout: Layout,
  { data, bytes, values, present }: ColumnVector,
  rows: number,
): void {
  const where = `column ${column.id} (${column.name})`;
  if (values > rows) throw malformed(`${where} has ${values} values in ${rows} rows`);
  if (bytes > data.length) throw malformed(`${where} claims more bytes than its buffer has`);
  const width = fixedWidths[layout.of];
  if (width !== null && bytes !== values * width) {
    throw malformed(`${where} has ${values} values of ${width} bytes in ${bytes} bytes`);
  }
  if (!column.nullable) {
    if (values !== rows) throw malformed(`${where} is not nullable and has ${rows - values} NULLs`);
  } else if (countPresent(present, rows) !== values) {
    throw malformed(`${where} marks other rows as present than it has values`);
  }
}
