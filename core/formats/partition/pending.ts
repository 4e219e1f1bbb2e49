/** Rows that wait for more of their partition, so that its pages are worth their headers. */
import { type Batch, type Column, type ColumnVector, layoutOf } from '../column.ts';
import { wordsOf } from '../parquet/plain.ts';

export type PendingRows = {
  readonly rows: number;
  readonly bytes: number;
  /** Takes rows of the batch in. @param positions of each column: see `positionsOf` */
  take(batch: Batch, positions: readonly Positions[], picked: Int32Array): void;
  /** What waits, as a batch of its own; nothing does then. Valid until the next `take`. */
  flush(): Batch;
};

/** Where each row's value begins in a vector, and where the next one's: equal where the row is NULL. */
export type Positions = { readonly starts: Int32Array; readonly ends: Int32Array };

const widths = { bool: 1, int32: 4, int64: 8, float: 4, double: 8, fixed: 16, binary: null } as const;

const widthOf = ({ type }: Column): number | null => widths[layoutOf(type).of];

/** @param into room for the batch's rows */
export function positionsOf(column: Column, vector: ColumnVector, rows: number, into: Positions): Positions {
  const width = widthOf(column);
  const { data, present, values } = vector;
  const { starts, ends } = into;
  const isWhole = values === rows;
  for (let row = 0, at = 0; row < rows; row++) {
    starts[row] = at;
    if (isWhole || present[row] === 1) at += width ?? 4 + data.readUInt32LE(at);
    ends[row] = at;
  }
  return into;
}

export function pendingRows(columns: readonly Column[]): PendingRows {
  const vectors = columns.map(emptyVector);
  let rows = 0;
  let bytes = 0;

  function takeColumn(column: number, from: ColumnVector, positions: Positions, picked: Int32Array): void {
    const to = vectors[column]!;
    const { starts, ends } = positions;
    let added = 0;
    let place = rows;
    reserveRows(to, rows + picked.length);
    for (let i = 0; i < picked.length; i++) {
      const row = picked[i]!;
      const length = ends[row]! - starts[row]!;
      added += length;
      // every value has a byte at least
      to.present[place++] = length > 0 ? 1 : 0;
      if (length > 0) to.values++;
    }
    reserveBytes(to, added);
    const width = widthOf(columns[column]!);
    if (width === null || width < 4) copyBytes(to, from, positions, picked);
    else copyWords(to, from, positions, picked);
    to.bytes += added;
    bytes += added + picked.length;
  }

  return {
    get rows() {
      return rows;
    },
    get bytes() {
      return bytes;
    },
    take(batch, positions, picked) {
      for (let column = 0; column < vectors.length; column++)
        takeColumn(column, batch.columns[column]!, positions[column]!, picked);
      rows += picked.length;
    },
    flush() {
      // whoever writes it does not look at keys: those of a part are known from its batches
      const batch = { rows, columns: vectors.map((vector) => ({ ...vector })), firstKey: '', lastKey: '' };
      // memory goes back: a hundred partitions that were large once would keep a hundred times as much as may wait
      for (const vector of vectors) Object.assign(vector, emptyVector());
      rows = 0;
      bytes = 0;
      return batch;
    },
  };
}

const emptyVector = (): ColumnVector => ({
  data: Buffer.alloc(0),
  bytes: 0,
  values: 0,
  present: new Uint8Array(0),
});

/** Where memory's own copy is worth its call. */
const longBytes = 48;

function copyBytes(
  to: ColumnVector,
  from: ColumnVector,
  { starts, ends }: Positions,
  picked: Int32Array,
): void {
  const { data } = to;
  let end = to.bytes;
  for (let i = 0; i < picked.length; i++) {
    const start = starts[picked[i]!]!;
    const stop = ends[picked[i]!]!;
    if (stop - start >= longBytes) {
      data.set(from.data.subarray(start, stop), end);
      end += stop - start;
    } else for (let at = start; at < stop; at++) data[end++] = from.data[at]!;
  }
}

/** Of values of 4, 8 or 16 bytes. */
function copyWords(
  to: ColumnVector,
  from: ColumnVector,
  { starts, ends }: Positions,
  picked: Int32Array,
): void {
  const source = wordsOf(from.data, from.bytes);
  const target = new Int32Array(to.data.buffer, to.data.byteOffset, to.data.length >>> 2);
  let end = to.bytes >>> 2;
  for (let i = 0; i < picked.length; i++) {
    const stop = ends[picked[i]!]! >>> 2;
    for (let at = starts[picked[i]!]! >>> 2; at < stop; at++) target[end++] = source[at]!;
  }
}

function reserveBytes(vector: ColumnVector, bytes: number): void {
  const needed = vector.bytes + bytes;
  if (needed <= vector.data.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * vector.data.length));
  vector.data.copy(larger, 0, 0, vector.bytes);
  vector.data = larger;
}

function reserveRows(vector: ColumnVector, rows: number): void {
  if (rows <= vector.present.length) return;
  const larger = new Uint8Array(Math.max(rows, 2 * vector.present.length));
  larger.set(vector.present);
  vector.present = larger;
}
