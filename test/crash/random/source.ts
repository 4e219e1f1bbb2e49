/** The database of a simulation: two small tables that are written again and again, each time recognisably. */
import { batchRowsMax } from '../../../core/formats/column.ts';
import type { Source, TableName } from '../../../core/sources/source.ts';
import { batchOf } from '../../support/batches.ts';
import { describeTable } from '../../support/memory-source.ts';
import type { Call } from './actors.ts';
import type { Dice } from './dice.ts';

/** key → note */
export type Rows = ReadonlyMap<number, string>;

export type Database = {
  readonly tables: readonly string[];
  /** What a table held in every generation, from 0 to now. */
  readonly generations: readonly ReadonlyMap<string, Rows>[];
  /** Writes every row anew; with `keys`, some keys come and go. */
  write(keys: boolean): void;
};

export function database(tables: readonly string[], rowsMax: number, dice: Dice): Database {
  const generations: Map<string, Rows>[] = [];
  const write = (keys: boolean): void => {
    const generation = generations.length;
    const before = generations.at(-1);
    const rowsOf = (table: string): Rows => {
      const kept = [...(before?.get(table)?.keys() ?? [])].filter(() => !keys || dice.chance(0.8));
      const wanted = keys ? dice.between(dice.chance(0.1) ? 0 : 2, rowsMax) : kept.length;
      const ids = new Set(kept.slice(0, wanted));
      while (ids.size < wanted) ids.add(1 + dice.below(rowsMax * 2));
      const sorted = [...ids].sort((a, b) => a - b);
      return new Map(sorted.map((id) => [id, `${table}:${id}:${generation}`]));
    };
    generations.push(new Map(tables.map((table) => [table, rowsOf(table)])));
  };
  write(true);
  return { tables, generations, write };
}

export type Hold = <T>(call: Call, perform: () => T) => Promise<T>;

export const readOf = (table: string, id: number, note: string): string => `${table} ${id} ${note}`;

/** A connection of one actor. @param seen gets every row that it reads */
export function connect(of: Database, hold: Hold, seen: Set<string>): Source {
  const ask = <T>(name: string, table: string, perform: () => T): Promise<T> =>
    hold({ service: 'source', name, of: table, isWrite: false, isConditional: false }, perform);
  const now = ({ table }: TableName): Rows => of.generations.at(-1)!.get(table)!;
  return {
    identify: async () => ({ description: 'simulated', identity: 'simulated' }),
    rights: async () => ({ beyond: [], grants: [] }),
    // its definition names the tables
    list: async () => [],
    describe: (table) => ask('describe', table.table, () => describeTable(table.table)),
    measure: (table) =>
      ask('measure', table.table, () => {
        const keys = [...now(table).keys()].map(String);
        return {
          rows: keys.length,
          bytes: keys.length * 50,
          min: keys[0] ?? null,
          max: keys.at(-1) ?? null,
          sample: keys.slice(0, -1),
        };
      }),
    count: async (table) => now(table).size,
    async *read(table, range, limits) {
      const size = Math.min(batchRowsMax, limits.batchRows, limits.statementRows);
      let after = range.after === null ? Number.NEGATIVE_INFINITY : Number(range.after);
      for (;;) {
        const rows = await ask('read', `${table.table} after ${after}`, () =>
          [...now(table)].filter(([id]) => id > after && id <= Number(range.upTo)).slice(0, size),
        );
        if (rows.length === 0) return;
        for (const [id, note] of rows) seen.add(readOf(table.table, id, note));
        yield batchOf(
          table.columns,
          rows.map(([id, note]) => [BigInt(id), note]),
        );
        after = rows.at(-1)![0];
      }
    },
    close: async () => {},
  };
}
