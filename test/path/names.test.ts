/** Schemas, tables and columns with odd names: found, copied, and each table in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { compareWithSource } from '../support/compare-with-source.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { syncWorld } from '../support/sync-world.ts';

vi.setConfig({ testTimeout: 180_000 });

let folder: string;
let postgres: TestPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-names-'));
  postgres = await testPostgres();
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

test('odd names of schemas, tables and columns: found, copied, and in a folder of their own', async () => {
  const odd: Record<string, { schema: string; table: string; folder: string }> = {
    'public.Orders': { schema: 'public', table: 'Orders', folder: 'public.Orders' },
    'public.orders': { schema: 'public', table: 'orders', folder: 'public.orders' },
    'Sales Dept.order': { schema: 'Sales Dept', table: 'order', folder: 'Sales!20Dept.order' },
    '"a.b"."c.d"': { schema: 'a.b', table: 'c.d', folder: 'a!2eb.c!2ed' },
    '"a.b".c': { schema: 'a.b', table: 'c', folder: 'a!2eb.c' },
    'public."say ""hi"""': { schema: 'public', table: 'say "hi"', folder: 'public.say!20!22hi!22' },
    "public.it's": { schema: 'public', table: "it's", folder: 'public.it!27s' },
    'public.Größe 🌊': {
      schema: 'public',
      table: 'Größe 🌊',
      folder: 'public.Gr!c3!b6!c3!9fe!20!f0!9f!8c!8a',
    },
    'select.table': { schema: 'select', table: 'table', folder: 'select.table' },
    'public.back\\slash%20': {
      schema: 'public',
      table: 'back\\slash%20',
      folder: 'public.back!5cslash!2520',
    },
    'public.current!2ejson': { schema: 'public', table: 'current!2ejson', folder: 'public.current!212ejson' },
    'public."../up"': { schema: 'public', table: '../up', folder: 'public.!2e!2e!2fup' },
    [`public.${'x'.repeat(63)}`]: {
      schema: 'public',
      table: 'x'.repeat(63),
      folder: `public.${'x'.repeat(63)}`,
    },
  };
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  const keyNames = ['id', 'Id', 'from', 'the key', 'a"b', "it's", 'größe', 't.id'];
  const qualified = Object.values(odd).map(({ schema, table }) => `${quoted(schema)}.${quoted(table)}`);
  for (const [index, { schema, table }] of Object.values(odd).entries()) {
    const key = quoted(keyNames[index % keyNames.length]!);
    await postgres.sql(`create schema if not exists ${quoted(schema)}`);
    await postgres.sql(
      `create table ${quoted(schema)}.${quoted(table)} ("select" text, ${key} integer primary key, "T" text, "ü "",x" text)`,
    );
    await postgres.sql(
      `insert into ${quoted(schema)}.${quoted(table)} select 'of ' || ${index}, i, null, 'x' from generate_series(1, ${100 + index}) i`,
    );
  }
  const world = syncWorld(folder, 'names', {
    source: { type: 'postgres', url: postgres.url },
    tables: Object.keys(odd),
    part: { rows: 60 },
  });
  const { exitCode, document, stderr } = await world.ask('run');
  expect(exitCode, stderr).toBe(0);
  expect(document.tables!.map(({ table }) => table)).toHaveLength(Object.keys(odd).length);
  for (const [index, { folder: place }] of Object.values(odd).entries()) {
    const count = 100 + index;
    expect({ place, rows: world.pointer(place)?.rows }).toEqual({ place, rows: count });
    const difference = await compareWithSource(postgres.url, qualified[index]!, world.files(place));
    expect({ place, ...difference }).toEqual({
      place,
      sourceRows: count,
      lakeRows: count,
      lost: 0,
      alien: 0,
    });
  }
});
