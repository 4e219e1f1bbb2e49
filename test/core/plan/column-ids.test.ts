import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../core/formats/column.ts';
import type { Snapshot } from '../../../core/ledger/ledger.ts';
import { withLakeIds } from '../../../core/plan/column-ids.ts';
import type { SourceColumn, TableDescription } from '../../../core/sources/source.ts';

const text: ColumnType = { kind: 'string' };
const int = (bits: 16 | 32 | 64): ColumnType => ({ kind: 'int', bits });
const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale });

/** A column as a source describes it: it knows it by its number. */
const column = (number: number, name: string, type: ColumnType = text): SourceColumn => ({
  ...{ id: number, name, type, nullable: true, sourceType: 'any', transfer: 'binary' },
});

const table = (columns: readonly SourceColumn[], identity = 'shop/1'): TableDescription => ({
  ...{
    schema: 'public',
    table: 'a',
    identity,
    columns,
    key: { by: 'columns', columns: [{ column: 'id', sourceType: 'bigint' }] },
    notes: [],
  },
});

/** What a head shows after the described table was published. */
const published = (description: TableDescription, before: Snapshot | null = null): Snapshot => ({
  ...{ run: 'r', publishedAt: '', rows: 0, bytes: 0, files: 0, identity: description.identity },
  schema: description.columns.map(({ id, name, type, nullable, number }) => ({
    ...{ id, name, type, nullable, number: number! },
  })),
  lastColumnId: Math.max(before?.lastColumnId ?? 0, ...description.columns.map(({ id }) => id)),
});

/** Publishes these tables one after the other; the ids of the last one, by names. */
function idsAfter(...tables: readonly TableDescription[]): Record<string, number> {
  let shown: Snapshot | null = null;
  let ids: Record<string, number> = {};
  for (const one of tables) {
    const described = withLakeIds(one, shown);
    ids = Object.fromEntries(described.columns.map(({ name, id }) => [name, id]));
    expect(new Set(Object.values(ids)).size).toBe(described.columns.length);
    // what the source knows its columns by is what it was
    expect(described.columns.map(({ number }) => number)).toEqual(one.columns.map(({ id }) => id));
    shown = published(described, shown);
  }
  return ids;
}

describe('an id is a column’s for the life of the table', () => {
  const first = table([column(1, 'id'), column(2, 'a'), column(4, 'b')]);

  test('the first snapshot has the source’s numbers', () => {
    expect(idsAfter(first)).toEqual({ id: 1, a: 2, b: 4 });
  });

  test('a renamed column keeps its own', () => {
    expect(idsAfter(first, table([column(1, 'id'), column(2, 'new'), column(4, 'b')]))).toEqual({
      ...{ id: 1, new: 2, b: 4 },
    });
  });

  test('one that is gone leaves its id behind', () => {
    const without = table([column(1, 'id'), column(2, 'a')]);
    const again = table([column(1, 'id'), column(2, 'a'), column(5, 'b')]);
    expect(idsAfter(first, without, again)).toEqual({ id: 1, a: 2, b: 5 });
    expect(idsAfter(first, table([column(1, 'id')]), table([column(1, 'id'), column(7, 'c')]))).toEqual({
      ...{ id: 1, c: 5 },
    });
  });

  test('a table that was made anew: columns are known by their names, whatever their numbers', () => {
    const anew = table([column(1, 'b'), column(2, 'c'), column(3, 'id')], 'shop/2');
    expect(idsAfter(first, anew)).toEqual({ b: 4, c: 5, id: 1 });
    // and from then on by their numbers in the new table
    const renamed = table([column(1, 'B'), column(2, 'c'), column(3, 'id')], 'shop/2');
    expect(idsAfter(first, anew, renamed)).toEqual({ B: 4, c: 5, id: 1 });
  });

  test('an id that another program has taken in a catalog is not given', () => {
    const shown = published(withLakeIds(first, null));
    const more = table([...first.columns, column(5, 'c')]);
    expect(withLakeIds(more, shown, 9).columns.at(-1)).toMatchObject({ name: 'c', id: 10, number: 5 });
  });

  test('what an older version published: its ids are its numbers', () => {
    const { identity, lastColumnId, ...older } = published(withLakeIds(first, null));
    const schema = older.schema.map(({ number, ...rest }) => rest);
    const now = withLakeIds(table([column(1, 'id'), column(4, 'c'), column(6, 'd')]), { ...older, schema });
    expect(now.columns.map(({ name, id }) => [name, id])).toEqual([
      ['id', 1],
      ['c', 4],
      ['d', 5],
    ]);
  });

  test.each([
    ['wider integers', int(32), int(64), true],
    ['narrower integers', int(64), int(32), false],
    ['integers of 16 and 32 bits, which are one type', int(32), int(16), true],
    ['a wider float', { kind: 'float', bits: 32 }, { kind: 'float', bits: 64 }, true],
    ['a narrower float', { kind: 'float', bits: 64 }, { kind: 'float', bits: 32 }, false],
    ['a more precise decimal', decimal(9, 2), decimal(12, 2), true],
    ['a less precise decimal', decimal(12, 2), decimal(9, 2), false],
    ['a decimal of another scale', decimal(9, 2), decimal(12, 3), false],
    ['JSON that was text', text, { kind: 'json' }, true],
    ['text that was an integer', int(64), text, false],
    [
      'a timestamp with and without zone',
      { kind: 'timestamp', utc: true },
      { kind: 'timestamp', utc: false },
      false,
    ],
    ['a date that becomes a timestamp', { kind: 'date' }, { kind: 'timestamp', utc: false }, false],
  ] as readonly [string, ColumnType, ColumnType, boolean][])('%s', (_, from, to, keeps) => {
    const ids = idsAfter(
      table([column(1, 'id'), column(2, 'a', from)]),
      table([column(1, 'id'), column(2, 'a', to)]),
    );
    expect(ids.a).toBe(keeps ? 2 : 3);
  });
});

test('where rows stay that have the columns as they were, another type is refused; a promotion is not', () => {
  const shown = published(withLakeIds(table([column(1, 'id', int(32)), column(2, 'a', int(64))]), null));
  const changed = table([column(1, 'id', int(64)), column(2, 'a')]);
  expect(() => withLakeIds(changed, shown, 0, true)).toThrow(
    expect.objectContaining({
      code: 'DefinitionInvalid',
      message: expect.stringContaining('public.a: column a is any now, and of another type (int)'),
    }),
  );
  const promoted = table([column(1, 'id', int(64)), column(2, 'a', int(64))]);
  expect(withLakeIds(promoted, shown, 0, true).columns.map(({ id }) => id)).toEqual([1, 2]);
});
