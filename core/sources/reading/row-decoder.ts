/**
 * Rows off the wire → column vectors. First a walk over a run of rows notes where each field begins, then each
 * column is decoded by a loop of its own: a loop per type, that the JIT compiles once, in place of code generated per
 * table, and as fast. No value becomes an object, a string or a BigInt (save decimals above 2^53).
 */
import { type ErrorCode, TidemarkError } from '../../errors.ts';
import type { ColumnVector } from '../../formats/column.ts';
import { joinKey } from '../key-text.ts';
import { repeatedKey } from '../repeated-key.ts';
import type { SourceColumn } from '../source.ts';
import type { Segment } from './segment.ts';
import { clear, type GrowingVector, growingVector, reserveRows } from './vectors.ts';

/** A run of rows of one column: value `i` (from `first` below `end`) begins at `offsets[i]`; -1: NULL. */
export type FieldRun = {
  view: DataView;
  bytes: Buffer;
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  first: number;
  end: number;
  /** the vector's row that the first one becomes */
  row: number;
};

export type ColumnDecoder = (run: FieldRun) => void;

/** Throws, naming table and column. */
export type Fail = (rule: string, code?: ErrorCode) => never;

/** How a protocol frames its rows. */
export type RowFrames = {
  /** Where the frame that begins at `at` ends. */
  end(view: DataView, at: number): number;
  /**
   * Notes where the fields of `count` rows begin and how long they are, of field f and row r at [f * stride + r]; an
   * offset of -1: NULL. Returns where the next frame begins. Throws where a row is not framed as it should be.
   * @param end of the segment
   */
  walk(
    view: DataView,
    at: number,
    end: number,
    count: number,
    offsets: Int32Array,
    lengths: Int32Array,
    stride: number,
  ): number;
};

/** A column of the key, as it comes. */
export type KeyField = {
  readonly name: string;
  /** its place among the fields of a row */
  readonly at: number;
  /** The database's exact text of the value: cast back, it is the same key. `bytes` is the memory of `view`. */
  text(view: DataView, bytes: Uint8Array, at: number, length: number): string;
  /** Bytes of a value that say nothing about it, from and below; null: all count. */
  readonly ignored: readonly [number, number] | null;
};

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

export type RowForm<Column extends SourceColumn> = {
  /** for messages */
  readonly name: string;
  /** what becomes of the first fields of a row; there may be more of them, for the key */
  readonly columns: readonly Column[];
  /** of a row on the wire */
  readonly fields: number;
  readonly frames: RowFrames;
  /** none: the table is read in no order */
  readonly key: readonly KeyField[];
  decoder(column: Column, vector: GrowingVector, fail: Fail): ColumnDecoder;
};

/** Rows that are walked before their columns are decoded: their offsets stay in the processor's cache. */
const strideRows = 256;

/** A value of the last row, to hold the next one against. */
type Remembered = { bytes: Buffer; length: number };

export function rowDecoder<Column extends SourceColumn>(form: RowForm<Column>): RowDecoder {
  const { columns, fields, frames, key } = form;
  const vectors = columns.map(growingVector);
  const offsets = new Int32Array(fields * strideRows);
  const lengths = new Int32Array(fields * strideRows);
  const decoders = columns.map((column, i) => {
    const fail = (rule: string, code: ErrorCode = 'ValueNotRepresentable'): never => {
      throw new TidemarkError(code, `${form.name}, column ${column.name} (${column.sourceType}): ${rule}`);
    };
    return form.decoder(column, vectors[i] as GrowingVector, fail);
  });
  const nothing = Buffer.alloc(0);
  const run: FieldRun = {
    ...{ view: new DataView(nothing.buffer), bytes: nothing, offsets, lengths },
    ...{ first: 0, end: 0, row: 0 },
  };
  // keys that follow each other differ in their last column, as a rule
  const compared = [...key].reverse();
  const remembered = new Map<KeyField, Remembered>(
    key.map((field) => [field, { bytes: Buffer.alloc(64), length: -1 }]),
  );
  let rows = 0;
  let firstKey = '';

  /** Whether a row's value of a key column is that of the row before. */
  function isRepeated(field: KeyField, bytes: Buffer, row: number): boolean {
    const at = field.at * strideRows + row;
    const offset = offsets[at] as number;
    const length = lengths[at] as number;
    if (row > 0)
      return (
        length === lengths[at - 1] &&
        sameBytes(bytes, offset, bytes, offsets[at - 1] as number, length, field.ignored)
      );
    const last = remembered.get(field) as Remembered;
    return length === last.length && sameBytes(bytes, offset, last.bytes, 0, length, field.ignored);
  }

  function checkKeys(bytes: Buffer, count: number): void {
    for (const field of key) {
      const from = field.at * strideRows;
      for (let i = from; i < from + count; i++)
        if ((offsets[i] as number) < 0)
          throw new TidemarkError('KeyViolated', `${form.name}: the key column ${field.name} is NULL`);
    }
    const [probable] = compared;
    if (probable === undefined) return;
    for (let row = 0; row < count; row++) {
      let repeated = isRepeated(probable, bytes, row);
      for (let i = 1; repeated && i < compared.length; i++)
        repeated = isRepeated(compared[i] as KeyField, bytes, row);
      if (repeated)
        throw repeatedKey(
          form.name,
          key.map(({ name }) => name),
        );
    }
    for (const [field, last] of remembered) {
      const at = field.at * strideRows + count - 1;
      const length = lengths[at] as number;
      if (last.bytes.length < length) last.bytes = Buffer.alloc(2 * length);
      const offset = offsets[at] as number;
      bytes.copy(last.bytes, 0, offset, offset + length);
      last.length = length;
    }
  }

  const rememberedText = (field: KeyField): string => {
    const { bytes, length } = remembered.get(field) as Remembered;
    return field.text(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes, 0, length);
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
    lastKey: () => (key.length === 0 ? '' : joinKey(key.map(rememberedText))),
    decode(segment, from, rowsMax) {
      const { bytes, end } = segment;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      run.view = view;
      run.bytes = bytes;
      let at = from;
      for (let left = rowsMax; left > 0 && at < end; ) {
        let count = 0;
        for (let p = at; p < end && count < left && count < strideRows; count++) p = frames.end(view, p);
        at = frames.walk(view, at, end, count, offsets, lengths, strideRows);
        checkKeys(bytes, count);
        if (rows === 0) firstKey = keyAt(key, view, bytes, offsets, lengths, strideRows);
        run.row = rows;
        for (let c = 0; c < columns.length; c++) {
          reserveRows(vectors[c] as GrowingVector, rows + count);
          run.first = c * strideRows;
          run.end = run.first + count;
          (decoders[c] as ColumnDecoder)(run);
          const { nullable, name } = columns[c] as Column;
          if (!nullable && (vectors[c] as GrowingVector).values !== rows + count)
            throw new TidemarkError(
              'TableChanged',
              `${form.name}: a NULL in column ${name}, which is NOT NULL`,
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

function sameBytes(
  a: Buffer,
  atA: number,
  b: Buffer,
  atB: number,
  length: number,
  ignored: KeyField['ignored'],
): boolean {
  // values that follow each other differ in their last bytes, as a rule
  for (let i = length - 1; i >= 0; i--)
    if (a[atA + i] !== b[atB + i] && (ignored === null || i < ignored[0] || i >= ignored[1])) return false;
  return true;
}

/** The key of the first row that was walked; empty where there is none. */
function keyAt(
  key: readonly KeyField[],
  view: DataView,
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  stride: number,
): string {
  if (key.length === 0) return '';
  return joinKey(
    key.map((field) => {
      const i = field.at * stride;
      return field.text(view, bytes, offsets[i] as number, lengths[i] as number);
    }),
  );
}

/** The key of the last row of a segment. */
export function lastKeyOf(
  segment: Segment,
  form: Pick<RowForm<SourceColumn>, 'frames' | 'fields' | 'key'>,
): string {
  const { bytes, lastRow, end } = segment;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const offsets = new Int32Array(form.fields);
  const lengths = new Int32Array(form.fields);
  form.frames.walk(view, lastRow, end, 1, offsets, lengths, 1);
  return keyAt(form.key, view, bytes, offsets, lengths, 1);
}
