import { expect, test } from 'vitest';
import { growingLog } from '../../cli/growing-log.ts';
import type { ChunkPlace, Ledger, Part } from '../../core/ledger/ledger.ts';
import { randomFrom, seedOfThisRun } from '../support/random.ts';

/** A ledger that only has parts, and remembers how many it gave. */
function partsOnly(): {
  ledger: Ledger;
  parts: Part[];
  asked: (ChunkPlace | undefined)[];
  given: () => number;
} {
  const parts: Part[] = [];
  const asked: (ChunkPlace | undefined)[] = [];
  let given = 0;
  const partsOfRun: Ledger['partsOfRun'] = async function* (_sync, _run, from) {
    asked.push(from);
    for (const part of parts) {
      if (from && (part.table < from.table || (part.table === from.table && part.chunk < from.chunk)))
        continue;
      given++;
      yield part;
    }
  };
  return { ledger: { partsOfRun } as Ledger, parts, asked, given: () => given };
}

const part = (table: number, chunk: number, n: number, last: boolean): Part =>
  ({ table, chunk, n, last, rows: 1 }) as Part;
const names = (parts: readonly Part[]): string[] =>
  parts.map(({ table, chunk, n }) => `${table}.${chunk}.${n}`).sort();

test('chunks before the first one that is not complete are not asked for again', async () => {
  const { ledger, parts, asked } = partsOnly();
  const log = growingLog(ledger, 's', 'r');
  const chunksOf = (table: number): number | null => [2, 1, null][table] ?? null;
  parts.push(part(0, 0, 0, true), part(0, 1, 0, false), part(1, 0, 0, true));
  expect(names(await log.read(chunksOf))).toEqual(['0.0.0', '0.1.0', '1.0.0']);
  parts.push(part(0, 1, 1, true));
  expect(names(await log.read(chunksOf))).toEqual(['0.0.0', '0.1.0', '0.1.1', '1.0.0']);
  // the third table is not planned yet: nobody knows how many chunks it has
  parts.push(part(2, 0, 0, true));
  expect(names(await log.read(chunksOf))).toEqual(['0.0.0', '0.1.0', '0.1.1', '1.0.0', '2.0.0']);
  expect(names(await log.read(chunksOf))).toEqual(['0.0.0', '0.1.0', '0.1.1', '1.0.0', '2.0.0']);
  expect(asked).toEqual([
    { table: 0, chunk: 0 },
    { table: 0, chunk: 1 },
    { table: 2, chunk: 0 },
    { table: 2, chunk: 0 },
  ]);
});

test('whatever is committed when: every reading has every part once, and a long log is read about once', async () => {
  const seed = seedOfThisRun();
  const random = randomFrom(seed);
  const { ledger, parts, given } = partsOnly();
  const log = growingLog(ledger, 's', 'r');
  const chunks = [300, 0, 500];
  const chunksOf = (table: number): number | null =>
    table < chunks.length ? Math.max(1, chunks[table]!) : null;
  // five workers, each on the next chunk in order, which has up to three parts
  const queue = chunks.flatMap((count, table) =>
    Array.from({ length: Math.max(1, count) }, (_, chunk) => ({
      table,
      chunk,
      left: 1 + Math.floor(random() * 3),
      n: 0,
    })),
  );
  const working = queue.splice(0, 5);
  while (working.length > 0) {
    for (let i = 0; i < 20 && working.length > 0; i++) {
      const at = Math.floor(random() * working.length);
      const one = working[at]!;
      one.left -= 1;
      parts.push(part(one.table, one.chunk, one.n++, one.left === 0));
      if (one.left === 0) working.splice(at, 1, ...queue.splice(0, 1));
    }
    expect(names(await log.read(chunksOf)), `TIDEMARK_SEED=${seed}`).toEqual(names(parts));
  }
  expect(given()).toBeLessThan(parts.length * 3);
});
