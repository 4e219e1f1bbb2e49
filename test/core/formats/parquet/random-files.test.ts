import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Column } from '../../../../core/formats/column.ts';
import { batchesOf, type Value } from '../../../support/batches.ts';
import { arbitraries, kinds } from './kinds.ts';
import { compressionsHere, duckdb, encode, expectRows, type Judge } from './readers.ts';

let judge: Judge;
beforeAll(async () => {
  judge = await duckdb();
});
afterAll(() => judge.close());

describe('random files', () => {
  type Plan = { name: string; nullable: boolean; pool: Value[]; picks: number[] };
  const plan = fc.constantFrom(...Object.keys(arbitraries)).chain((name) =>
    fc.record({
      name: fc.constant(name),
      nullable: fc.boolean(),
      // few values make runs and dictionaries, many make PLAIN pages
      pool: fc.oneof(
        fc.array(arbitraries[name]!, { minLength: 1, maxLength: 3 }),
        fc.array(arbitraries[name]!, { minLength: 1, maxLength: 400 }),
      ),
      picks: fc.array(fc.nat(), { minLength: 1, maxLength: 60 }),
    }),
  );

  /** Rows are drawn from each column's pool in steps and runs, so that a few numbers make many rows. */
  const cell = ({ nullable, pool, picks }: Plan, row: number): Value => {
    const pick = picks[row % picks.length]!;
    if (nullable && pick % 5 === 0) return null;
    return pool[(pick % 3 === 0 ? pick + row : pick + (row >> 5)) % pool.length]!;
  };

  test('are read by DuckDB and hyparquet as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(plan, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 1200 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.constantFrom(1, 20, 65_536),
        fc.constantFrom(...compressionsHere),
        async (plans, count, batchRows, rowGroupRows, dictionaryEntries, compression) => {
          const columns = plans.map(
            ({ name, nullable }, index): Column => ({
              id: index + 1,
              name: `c${index}`,
              type: kinds[name]!.type,
              nullable,
            }),
          );
          const rows = Array.from({ length: count }, (_, row) => plans.map((each) => cell(each, row)));
          const file = await encode(columns, batchesOf(columns, rows, batchRows), {
            rowGroupRows,
            dictionaryEntries,
            compression,
          });
          await expectRows(judge, file, columns, rows);
        },
      ),
      { numRuns: 100 },
    );
  });
});
