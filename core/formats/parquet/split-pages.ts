import type { ColumnVector } from '../column.ts';
import { viewOf } from './plain.ts';

/** A page is closed by the value that brings it to so many bytes. */
export const pageBytesMax = 1024 * 1024;

export type PageVector = ColumnVector & { readonly rows: number };

/**
 * Cuts a vector of values with lengths (which add up) into pages: a batch of large values as one page would have many
 * megabytes, and its compression as many megabytes of fresh memory each time.
 */
export function* splitPages(vector: ColumnVector, rows: number, nullable: boolean): Generator<PageVector> {
  const { data, bytes, present } = vector;
  const view = viewOf(data, bytes);
  let begun = { at: 0, row: 0, value: 0 };
  let at = 0;
  let value = 0;
  for (let row = 1; row <= rows; row++) {
    if (!nullable || present[row - 1] === 1) {
      at += 4 + view.getUint32(at, true);
      value++;
    }
    if (row < rows && at - begun.at < pageBytesMax) continue;
    yield {
      data: data.subarray(begun.at, at),
      bytes: at - begun.at,
      values: value - begun.value,
      present: present.subarray(begun.row, row),
      rows: row - begun.row,
    };
    begun = { at, row, value };
  }
}
