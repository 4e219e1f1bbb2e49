/** One loop per type: the fields of one column, over a run of rows, into its vector as `layoutOf` says. */
import type { ErrorCode } from '../../errors.ts';
import type { CatalogColumn } from './catalog.ts';
import { notFiniteName, numericText, numericTextBytes, unscaledBig, unscaledNumber } from './numeric.ts';
import { type GrowingVector, reserveBytes } from './vectors.ts';

/**
 * @param offsets where the value of each row begins, -1: NULL, from index `base`; `lengths` alike
 * @param rowAt the vector's row that the first one becomes
 */
export type ColumnDecoder = (
  view: DataView,
  bytes: Buffer,
  offsets: Int32Array,
  lengths: Int32Array,
  base: number,
  rows: number,
  rowAt: number,
) => void;

/** Throws, naming table and column. */
export type Fail = (rule: string, code?: ErrorCode) => never;

export function columnDecoder(
  column: CatalogColumn,
  vector: GrowingVector,
  fail: Fail,
  check: ((text: Uint8Array) => boolean) | null,
): ColumnDecoder {
  switch (column.wire) {
    case 'bool':
      return fixed(vector, 1, 1, fail, (view, at, to) => {
        vector.data[to] = view.getUint8(at);
      });
    case 'int2':
      return fixed(vector, 2, 4, fail, (view, at, to) => {
        vector.ints[to >> 2] = view.getInt16(at);
      });
    case 'int4':
    case 'float4':
      return fixed(vector, 4, 4, fail, (view, at, to) => {
        vector.ints[to >> 2] = view.getInt32(at);
      });
    case 'int8':
    case 'float8':
      return fixed(vector, 8, 8, fail, (view, at, to) => {
        vector.ints[to >> 2] = view.getInt32(at + 4);
        vector.ints[(to >> 2) + 1] = view.getInt32(at);
      });
    case 'date':
      return fixed(vector, 4, 4, fail, dateInto(vector, fail));
    case 'time':
      return fixed(vector, 8, 8, fail, timeInto(vector, fail));
    case 'timestamp':
      return fixed(vector, 8, 8, fail, timestampInto(vector, fail));
    case 'uuid':
      return fixed(vector, 16, 16, fail, (view, at, to) => {
        for (let i = 0; i < 16; i += 4) vector.view.setInt32(to + i, view.getInt32(at + i));
      });
    case 'text':
    case 'bytes':
      return binary(vector, 0, fail, check);
    case 'jsonb':
      return binary(vector, 1, fail, check);
    case 'numeric':
      return decimal(column, vector, fail);
    case 'numeric-text':
      return numericAsText(vector);
  }
}

type PutValue = (view: DataView, at: number, to: number) => void;

/** A loop of its own for each caller: shared by all, the call of `put` in it could not be inlined. */
function fixed(vector: GrowingVector, wireBytes: number, width: number, fail: Fail, put: PutValue): ColumnDecoder {
  const make = new Function(
    'vector',
    'wireBytes',
    'width',
    'fail',
    'reserveBytes',
    'put',
    `return ${fixedLoop.toString()}`,
  );
  return make(vector, wireBytes, width, fail, reserveBytes, put) as ColumnDecoder;
}
