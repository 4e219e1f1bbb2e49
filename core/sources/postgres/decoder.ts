/**
 * Rows of `COPY … (FORMAT binary)` → column vectors. First a walk over a run of rows notes where each field
 * begins, then each column is decoded by a loop of its own: a loop per type, that the JIT compiles once, in place
 * of code generated per table, and as fast. No value becomes an object, a string or a BigInt (save decimals
 * above 2^53).
 */
import { type ErrorCode, TidemarkError } from '../../errors.ts';
import type { ColumnVector } from '../../formats/column.ts';
import type { CatalogColumn } from './catalog.ts';
import { type ColumnDecoder, columnDecoder, type Run } from './column-decoders.ts';
import type { Segment } from './copy-stream.ts';
import { keyText } from './keys.ts';
import type { KeyWire } from './type-map.ts';
import { clear, type GrowingVector, growingVector, reserveRows } from './vectors.ts';

/** Rows that are walked before their columns are decoded: their offsets stay in the processor's cache. */
const strideRows = 256;
/** type, length, count of fields */
const rowHeadBytes = 7;

export type RowDecoder = {
  readonly columns: readonly ColumnVector[];
  readonly rows: number;
  /** bytes in all vectors */
  readonly bytes: number;
  /** of the batch's first row, and of the last one decoded */
  readonly firstKey: string;
  lastKey(): string;
  /**
   * Decodes rows of the segment, from the frame at `at`, at most so many; returns where the next frame begins.
   * Throws `ValueNotRepresentable`, `KeyViolated`, `TableChanged`.
   */
  decode(segment: Segment, at: number, rowsMax: number): number;
  /** Begins a new batch. */
  clear(): void;
};

export type DecoderTable = {
  /** for messages */
  readonly name: string;
  readonly columns: readonly CatalogColumn[];
  readonly keyAt: number;
  readonly keyWire: KeyWire;
};

export function rowDecoder(table: DecoderTable): RowDecoder {
  const { columns, keyAt, keyWire } = table;
  const fields = columns.length;
  const vectors = columns.map(growingVector);
  /** of column c and row r at [c * strideRows + r]: where the value begins, or -1: NULL; and its length */
  const offsets = new Int32Array(fields * strideRows);
  const lengths = new Int32Array(fields * strideRows);
  const decoders = columns.map((column, i) => {
    const fail = (rule: string, code: ErrorCode = 'ValueNotRepresentable'): never => {
      throw new TidemarkError(code, `${table.name}, column ${column.name} (${column.sourceType}): ${rule}`);
    };
    return columnDecoder(column, vectors[i] as GrowingVector, fail);
  });
  const nothing = Buffer.alloc(0);
  const run: Run = {
    ...{ view: new DataView(nothing.buffer), bytes: nothing, offsets, lengths },
    ...{ first: 0, end: 0, row: 0 },
  };
  const keyOffsets = keyAt * strideRows;
  let rows = 0;
  let firstKey = '';
  /** the bytes of the last key, to hold the next one against */
  let lastKey: Buffer = Buffer.alloc(64);
  let lastKeyBytes = -1;

  function walk(view: DataView, from: number, end: number, count: number): number {
    let at = from;
    for (let row = 0; row < count; row++) {
      const frameEnd = at + 1 + view.getInt32(at + 1);
      if (view.getInt16(at + 5) !== fields)
        throw new TidemarkError('TableChanged', `${table.name}: a row has another number of columns`);
      let field = at + rowHeadBytes;
      for (let i = row; i < offsets.length; i += strideRows) {
        const length = view.getInt32(field);
        field += 4;
        if (length < 0) offsets[i] = -1;
        else {
          offsets[i] = field;
          lengths[i] = length;
          field += length;
        }
      }
      if (field !== frameEnd || frameEnd > end)
        throw new TidemarkError(
          'ProtocolViolation',
          `${table.name}: a row does not end where its frame ends`,
        );
      at = frameEnd;
    }
    return at;
  }

  function checkKeys(bytes: Buffer, count: number): void {
    let before = -1;
    for (let row = 0; row < count; row++) {
      const at = offsets[keyOffsets + row] as number;
      const length = lengths[keyOffsets + row] as number;
      if (at < 0) violated('is NULL');
      const repeated =
        before >= 0
          ? length === lengths[keyOffsets + row - 1] && sameKey(bytes, at, bytes, before, length, keyWire)
          : length === lastKeyBytes && sameKey(bytes, at, lastKey, 0, length, keyWire);
      if (repeated) violated(`has the same value twice`);
      before = at;
    }
    const length = lengths[keyOffsets + count - 1] as number;
    if (lastKey.length < length) lastKey = Buffer.alloc(2 * length);
    bytes.copy(lastKey, 0, before, before + length);
    lastKeyBytes = length;
  }

  const violated = (what: string): never => {
    throw new TidemarkError('KeyViolated', `${table.name}: the key column ${columns[keyAt]?.name} ${what}`);
  };

  return {
    columns: vectors,
    get rows() {
      return rows;
    },
    get bytes() {
      let bytes = 0;
      for (const vector of vectors) bytes += vector.bytes;
      return bytes;
    },
    get firstKey() {
      return firstKey;
    },
    lastKey() {
      const view = new DataView(lastKey.buffer, lastKey.byteOffset, lastKey.length);
      return keyText(keyWire, view, lastKey, 0, lastKeyBytes);
    },
    decode(segment, from, rowsMax) {
      const { bytes, end } = segment;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      run.view = view;
      run.bytes = bytes;
      let at = from;
      for (let left = rowsMax; left > 0 && at < end; ) {
        let count = 0;
        for (let p = at; p < end && count < left && count < strideRows; count++)
          p += 1 + view.getInt32(p + 1);
        const begun = at;
        at = walk(view, begun, end, count);
        checkKeys(bytes, count);
        if (rows === 0)
          firstKey = keyText(
            keyWire,
            view,
            bytes,
            offsets[keyOffsets] as number,
            lengths[keyOffsets] as number,
          );
        run.row = rows;
        for (let c = 0; c < fields; c++) {
          reserveRows(vectors[c] as GrowingVector, rows + count);
          run.first = c * strideRows;
          run.end = run.first + count;
          (decoders[c] as ColumnDecoder)(run);
          const { nullable, name } = columns[c] as CatalogColumn;
          if (!nullable && (vectors[c] as GrowingVector).values !== rows + count)
            throw new TidemarkError(
              'TableChanged',
              `${table.name}: a NULL in column ${name}, which is NOT NULL`,
            );
        }
        rows += count;
        left -= count;
      }
      return at;
    },
    clear() {
      rows = 0;
      for (const vector of vectors) clear(vector);
    },
  };
}

/** A numeric's display scale (bytes 6 and 7) says nothing about its value: 1.0 is 1.00. */
function sameKey(a: Buffer, atA: number, b: Buffer, atB: number, length: number, wire: KeyWire): boolean {
  // keys that follow each other differ in their last bytes, as a rule
  for (let i = length - 1; i >= 0; i--)
    if (a[atA + i] !== b[atB + i] && !(wire === 'numeric' && (i === 6 || i === 7))) return false;
  return true;
}

/** The key of the row whose frame begins at `at`. */
export function keyOfRow(segment: Segment, at: number, keyAt: number, keyWire: KeyWire): string {
  const { bytes } = segment;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let field = at + rowHeadBytes;
  for (let i = 0; i < keyAt; i++) field += 4 + Math.max(0, view.getInt32(field));
  return keyText(keyWire, view, bytes, field + 4, view.getInt32(field));
}
