/** The distinct values of a partition field in a part, numbered as they come. */
import { TidemarkError } from '../../errors.ts';
import { batchRowsMax, type ColumnType, type ColumnVector } from '../column.ts';
import { hashBytes } from './murmur3.ts';
import { type PartitionField, type PartitionValue, resultType } from './partition.ts';
import { emptySlices, type Results, resultsOf } from './transforms.ts';
import { numberValue, sliceValue } from './values.ts';

export type DistinctValues = {
  /** The number of each row's value: from 0, below 2 × `batchRowsMax` */
  number(vector: ColumnVector, rows: number, out: Int32Array): void;
  value(number: number): PartitionValue;
};

/** As the ledger's item and the manifest hold it: a hundred files of five fields are 125 KiB. See core/ledger/items.ts. */
export const valueBytesMax = 256;

/** @param where for messages: the table, and the field as the definition spells it */
export function distinctValues(field: PartitionField, type: ColumnType, where: string): DistinctValues {
  const results = resultsOf(field, type, where);
  const result = resultType(field, type);
  const values: PartitionValue[] = [];
  const take = (value: PartitionValue): number => {
    if (typeof value === 'string' && Buffer.byteLength(value) > valueBytesMax)
      throw new TidemarkError(
        'DefinitionInvalid',
        `${where}: a value has more than ${valueBytesMax} bytes; allowed: up to ${valueBytesMax}, so truncate or bucket in place of it`,
      );
    return values.push(value) - 1;
  };
  const numbered =
    results.kind === 'numbers' ? numbersOf(results, result, take) : slicesOf(results, result, take);
  let ofNull = -1;
  return {
    number(vector, rows, out) {
      numbered(vector, out);
      if (vector.values === rows) return;
      if (ofNull < 0) ofNull = take(null);
      // spread over the rows, from behind: a value never moves forward
      for (let row = rows - 1, at = vector.values - 1; row >= 0; row--)
        out[row] = vector.present[row] === 1 ? out[at--]! : ofNull;
    },
    value: (number) => values[number]!,
  };
}

type Numbered = (vector: ColumnVector, out: Int32Array) => void;
type Take = (value: PartitionValue) => number;

function numbersOf(results: Results & { kind: 'numbers' }, type: ColumnType, take: Take): Numbered {
  const known = new Map<number, number>();
  const read = new Int32Array(batchRowsMax);
  return (vector, out) => {
    results.read(vector, read);
    let last = 0;
    let number = -1;
    for (let i = 0; i < vector.values; i++) {
      const value = read[i]!;
      // neighbors are often equal
      if (number < 0 || value !== last) {
        last = value;
        number = known.get(value) ?? -1;
        if (number < 0) {
          number = take(numberValue(type, value));
          known.set(value, number);
        }
      }
      out[i] = number;
    }
  };
}

function slicesOf(results: Results & { kind: 'slices' }, type: ColumnType, take: Take): Numbered {
  /** by hash; values that share one follow each other */
  const known = new Map<number, { readonly bytes: Buffer; readonly number: number }[]>();
  const slices = emptySlices();
  const find = (data: Buffer, from: number, to: number): { bytes: Buffer; number: number } => {
    const hash = hashBytes(data, from, to);
    const sharing = known.get(hash) ?? [];
    for (const one of sharing) if (isAt(one.bytes, data, from, to)) return one;
    const bytes = Buffer.from(data.subarray(from, to));
    const one = { bytes, number: take(sliceValue(type, bytes)) };
    sharing.push(one);
    known.set(hash, sharing);
    return one;
  };
  return (vector, out) => {
    results.read(vector, slices);
    const { data, starts, ends } = slices;
    let last: { bytes: Buffer; number: number } | null = null;
    for (let i = 0; i < vector.values; i++) {
      const from = starts[i]!;
      const to = ends[i]!;
      if (last === null || !isAt(last.bytes, data, from, to)) last = find(data, from, to);
      out[i] = last.number;
    }
  };
}

function isAt(bytes: Buffer, data: Buffer, from: number, to: number): boolean {
  if (bytes.length !== to - from) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== data[from + i]) return false;
  return true;
}
