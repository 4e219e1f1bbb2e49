/** Which partition each row of a batch belongs to: partitions are numbered as they come in a part. */
import { type Batch, batchRowsMax, type Column } from '../column.ts';
import { distinctValues } from './distinct.ts';
import { fieldText, type PartitionField, type PartitionTuple, sourceOf } from './partition.ts';

export type Assigner = {
  /**
   * @param out receives the number of each row's partition
   * @returns how many there are in all by then
   */
  assign(batch: Batch, out: Int32Array): number;
  tuple(partition: number): PartitionTuple;
};

/** Above every number that a field gives a value: those of a part that is not full, and those of one batch. */
const numbersMax = 4 * batchRowsMax;

/** @param table for messages */
export function assigner(
  columns: readonly Column[],
  fields: readonly PartitionField[],
  table: string,
): Assigner {
  const places = fields.map((field) => {
    const column = sourceOf(columns, field);
    const where = `table ${table}, partition ${fieldText(field)}`;
    return { at: columns.indexOf(column), distinct: distinctValues(field, column.type, where) };
  });
  const numbers = new Int32Array(batchRowsMax);
  /** of each field after the first: the number of what is before it and its own → the number of both */
  const pairs = places.map(() => new Map<number, number>());
  /** of each field: the numbers that each of its pairs stands for */
  const pairsOf: [before: number, own: number][][] = places.map(() => []);

  return {
    assign(batch, out) {
      for (const [field, { at, distinct }] of places.entries()) {
        distinct.number(batch.columns[at]!, batch.rows, numbers);
        const known = pairs[field]!;
        const parts = pairsOf[field]!;
        let last = -1;
        let pair = -1;
        for (let row = 0; row < batch.rows; row++) {
          const before = field === 0 ? 0 : out[row]!;
          const key = before * numbersMax + numbers[row]!;
          if (key !== last) {
            last = key;
            pair = known.get(key) ?? -1;
            if (pair < 0) {
              pair = parts.push([before, numbers[row]!]) - 1;
              known.set(key, pair);
            }
          }
          out[row] = pair;
        }
      }
      return pairsOf.at(-1)!.length;
    },
    tuple(partition) {
      const values = [];
      let number = partition;
      for (let field = places.length - 1; field >= 0; field--) {
        const [before, own] = pairsOf[field]![number]!;
        values.unshift(places[field]!.distinct.value(own));
        number = before;
      }
      return values;
    },
  };
}
