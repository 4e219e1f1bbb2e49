import type { ColumnType } from '../column.ts';
import { binaryBounds } from './binary-bounds.ts';
import {
  type Bound,
  type Bounds,
  booleanBounds,
  fixed16Bounds,
  floatBounds,
  int32Bounds,
  int64Bounds,
} from './bounds.ts';
import type { ThriftWriter } from './thrift.ts';

/** What a reader can know of a column chunk without reading it. */
export type ChunkStatistics = {
  readonly nulls: number;
  readonly nans: number | null;
  readonly min: Bound | null;
  readonly max: Bound | null;
};

/** Bounds in the order of the column's logical type. */
export function boundsOf(type: ColumnType): Bounds {
  switch (type.kind) {
    case 'boolean':
      return booleanBounds();
    case 'int':
      return type.bits === 64 ? int64Bounds() : int32Bounds();
    case 'float':
      return floatBounds(type.bits);
    case 'decimal':
      if (type.precision <= 9) return int32Bounds();
      return type.precision <= 18 ? int64Bounds() : fixed16Bounds(true);
    case 'date':
      return int32Bounds();
    case 'time':
    case 'timestamp':
      return int64Bounds();
    case 'uuid':
      return fixed16Bounds(false);
    case 'string':
      return binaryBounds('text');
    case 'json':
      return binaryBounds('none');
    case 'bytes':
      return binaryBounds('bytes');
  }
}

export function writeStatistics(
  thrift: ThriftWriter,
  field: number,
  { nulls, nans, min, max }: ChunkStatistics,
): void {
  thrift.struct(field, () => {
    thrift.i64(3, nulls);
    if (max !== null) thrift.binary(5, max.value);
    if (min !== null) thrift.binary(6, min.value);
    if (max !== null) thrift.bool(7, max.exact);
    if (min !== null) thrift.bool(8, min.exact);
    if (nans !== null) thrift.i64(9, nans);
  });
}
