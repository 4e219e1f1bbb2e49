/** Column vectors that grow: a batch is decoded into them, the next one writes over them. */
import type { ColumnVector } from '../../formats/column.ts';

/** A vector with room that is asked for before it is written; the views lie on `data`'s memory. */
export type GrowingVector = ColumnVector & {
  ints: Int32Array;
  view: DataView;
};

const bytesAtFirst = 4_096;
/** A vector that one giant batch has made larger than this is given back. */
const keptBytesMax = 16 * 1024 * 1024;

export function growingVector(): GrowingVector {
  const memory = new ArrayBuffer(bytesAtFirst);
  return {
    data: Buffer.from(memory),
    bytes: 0,
    values: 0,
    present: new Uint8Array(1_024),
    ints: new Int32Array(memory),
    view: new DataView(memory),
  };
}

function setMemory(vector: GrowingVector, bytes: number): void {
  const memory = new ArrayBuffer(Math.ceil(bytes / 8) * 8);
  const data = Buffer.from(memory);
  vector.data.copy(data, 0, 0, vector.bytes);
  vector.data = data;
  vector.ints = new Int32Array(memory);
  vector.view = new DataView(memory);
}

/** Makes room for so many bytes after those that are there. */
export function reserveBytes(vector: GrowingVector, bytes: number): void {
  const needed = vector.bytes + bytes;
  if (needed > vector.data.length) setMemory(vector, Math.max(needed, 2 * vector.data.length));
}

/** Makes room for so many rows in all. */
export function reserveRows(vector: GrowingVector, rows: number): void {
  if (rows <= vector.present.length) return;
  const present = new Uint8Array(Math.max(rows, 2 * vector.present.length));
  present.set(vector.present);
  vector.present = present;
}

export function clear(vector: GrowingVector): void {
  vector.bytes = 0;
  vector.values = 0;
  if (vector.data.length > keptBytesMax) setMemory(vector, bytesAtFirst);
}
