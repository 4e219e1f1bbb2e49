/** Rows of every type, divided over files: no row is lost, doubled, changed or put into another's file. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchRowsMax, type Column } from '../../../../core/formats/column.ts';
import type { FileEncoder, Format } from '../../../../core/formats/format.ts';
import { parquetFormat } from '../../../../core/formats/parquet/parquet.ts';
import type { PartitionField } from '../../../../core/formats/partition/partition.ts';
import { partitionedEncoder } from '../../../../core/formats/partition/partitioned-encoder.ts';
import { batchesOf, batchOf, columnsOf, type Value } from '../../../support/batches.ts';
import { arbitraries, kinds } from '../parquet/kinds.ts';
import { duckdb, expectRows, type Judge } from '../parquet/readers.ts';

let judge: Judge;
let format: Format;
beforeAll(async () => {
  judge = await duckdb();
  format = await parquetFormat({ compression: 'none' });
});
afterAll(() => judge.close());

const group: PartitionField = { column: 'g', transform: 'identity', argument: null, name: 'g' };

test('random rows of every type stand in the file of their partition, in order', async () => {
  const names = Object.keys(arbitraries);
  const column = fc.constantFrom(...names).chain((name) =>
    fc.record({
      name: fc.constant(name),
      nullable: fc.boolean(),
      pool: fc.array(arbitraries[name]!, { minLength: 1, maxLength: 50 }),
      picks: fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(column, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 900 }),
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 60 }),
      // how many rows follow each other in a partition
      fc.constantFrom(1, 7, 400),
      async (plans, count, batchRows, groups, run) => {
        const columns: Column[] = [
          { id: 1, name: 'g', type: { kind: 'int', bits: 32 }, nullable: true },
          ...plans.map(
            ({ name, nullable }, at): Column => ({
              ...{ id: at + 2, name: `c${at}`, type: kinds[name]!.type, nullable },
            }),
          ),
        ];
        const rows = Array.from({ length: count }, (_, row): Value[] => {
          const of = groups[Math.floor(row / run) % groups.length]!;
          const cells = plans.map(({ nullable, pool, picks }): Value => {
            const pick = picks[row % picks.length]!;
            return nullable && pick % 4 === 0 ? null : pool[(pick + row) % pool.length]!;
          });
          return [of === 6 ? null : of, ...cells];
        });
        const encoder = partitionedEncoder(format, columns, [group], {}, 'public.t');
        for (const batch of batchesOf(columns, rows, batchRows)) {
          expect(encoder.fits(batch)).toBe(true);
          encoder.write(batch);
        }
        expect(encoder.rows).toBe(count);
        const bound = encoder.bytes;
        const files = encoder.finish();
        expect(files.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(bound);
        expect(files.map(({ partition }) => partition[0])).toEqual([...new Set(rows.map(([of]) => of))]);
        for (const file of files) {
          const own = rows.filter(([of]) => of === file.partition[0]);
          expect(file.rows).toBe(own.length);
          await expectRows(judge, Buffer.concat(file.pieces), columns, own);
        }
      },
    ),
    { numRuns: 60 },
  );
});

/** A format that notes what is written to it. */
function notedFormat() {
  const writes: { readonly file: number; readonly rows: number; readonly bytes: number }[] = [];
  const shares: (number | undefined)[] = [];
  const noted: Format = {
    ...format,
    encoder(columns, keyValues, share): FileEncoder {
      const file = shares.push(share) - 1;
      const encoder = format.encoder(columns, keyValues, share);
      return {
        write(batch) {
          const bytes = batch.columns.reduce((sum, vector) => sum + vector.bytes, 0);
          writes.push({ file, rows: batch.rows, bytes });
          encoder.write(batch);
        },
        get bytes() {
          return encoder.bytes;
        },
        get rows() {
          return encoder.rows;
        },
        finish: () => encoder.finish(),
      };
    },
  };
  return { noted, writes, shares };
}

const columns = columnsOf({ g: { kind: 'int', bits: 32 }, text: { kind: 'string' } });
const batch = (groups: readonly number[], text = 'x') =>
  batchOf(
    columns,
    groups.map((of) => [of, text]),
  );

describe('pages', () => {
  test('rows wait until they are worth one: a page has thousands of rows, however they are mixed', () => {
    const { noted, writes } = notedFormat();
    const encoder = partitionedEncoder(noted, columns, [group], {}, 't');
    for (let at = 0; at < 40; at++) encoder.write(batch(Array.from({ length: 4096 }, (_, row) => row % 4)));
    encoder.finish();
    expect(writes.reduce((sum, { rows }) => sum + rows, 0)).toBe(40 * 4096);
    expect(writes.every(({ rows }) => rows <= batchRowsMax)).toBe(true);
    expect(writes.length).toBe(12);
  });

  test('batches of one partition are encoded as they are', () => {
    const { noted, writes } = notedFormat();
    const encoder = partitionedEncoder(noted, columns, [group], {}, 't');
    for (const of of [0, 0, 1, 1]) encoder.write(batch(Array(1000).fill(of)));
    expect(writes.map(({ file, rows }) => [file, rows])).toEqual([
      ...[0, 0, 1, 1].map((file) => [file, 1000]),
    ]);
  });

  test('what waits is bounded, over all partitions together', () => {
    const { noted, writes } = notedFormat();
    const encoder = partitionedEncoder(noted, columns, [group], {}, 't');
    const everyone = Array.from({ length: 100 }, (_, of) => of);
    let most = 0;
    for (let at = 0; at < 40; at++) {
      encoder.write(batch(everyone, 'x'.repeat(10_000)));
      const written = writes.reduce((sum, { bytes }) => sum + bytes, 0);
      most = Math.max(most, (at + 1) * 100 * 10_008 - written);
    }
    expect(most).toBeGreaterThan(8 * 1024 * 1024);
    expect(most).toBeLessThan(17 * 1024 * 1024);
    // and it counts: a part is closed by it
    const written = writes.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(encoder.bytes).toBeGreaterThanOrEqual(40 * 100 * 10_008 - written);
  });

  test('all files together take no more memory for dictionaries than one alone would', () => {
    const { noted, shares } = notedFormat();
    partitionedEncoder(noted, columns, [group], {}, 't').write(
      batch(Array.from({ length: 100 }, (_, of) => of)),
    );
    expect(shares).toHaveLength(100);
    expect(shares.reduce<number>((sum, share) => sum + share!, 0)).toBeLessThanOrEqual(1);
    expect(shares[0]).toBeGreaterThan(0.1);
  });
});

describe('the limit', () => {
  const of = (count: number, from = 0) => batch(Array.from({ length: count }, (_, at) => from + at));

  test('a hundred fit; one more does not, and the part can still be closed', () => {
    const encoder = partitionedEncoder(format, columns, [group], {}, 'public.t');
    expect(encoder.fits(of(100))).toBe(true);
    encoder.write(of(100));
    expect(encoder.fits(of(1, 50))).toBe(true);
    encoder.write(of(1, 50));
    expect(encoder.fits(of(1, 100))).toBe(false);
    expect(encoder.finish()).toHaveLength(100);
  });

  test('a batch that has more alone is refused', () => {
    const encoder = partitionedEncoder(format, columns, [group], {}, 'public.t');
    expect(() => encoder.write(of(101))).toThrow(
      expect.objectContaining({
        code: 'DefinitionInvalid',
        message: expect.stringMatching(
          /^table public\.t: 101 rows that follow each other have 101 values of g; allowed: up to 100, /,
        ),
      }),
    );
  });

  test('of a wide table fewer fit: its files’ columns are what takes memory', () => {
    const wide = columnsOf(
      Object.fromEntries(
        Array.from({ length: 1600 }, (_, at) => [
          at === 0 ? 'g' : `c${at}`,
          { kind: 'int', bits: 32 } as const,
        ]),
      ),
    );
    const rows = (count: number) =>
      batchOf(
        wide,
        Array.from({ length: count }, (_, at) => Array.from({ length: 1600 }, () => at)),
      );
    const encoder = partitionedEncoder(format, wide, [group], {}, 'public.t');
    expect(encoder.fits(rows(5))).toBe(true);
    const other = partitionedEncoder(format, wide, [group], {}, 'public.t');
    expect(other.fits(rows(6))).toBe(false);
  });
});
