/** The table that people name on the command line, where the definition names it, or a pattern has found it. */
import { expect, test } from 'vitest';
import { namedTable } from '../../cli/named-table.ts';
import { loadDefinition } from '../../core/definition/load.ts';
import { formatTableName } from '../../core/definition/table-name.ts';
import type { TableHead } from '../../core/ledger/ledger.ts';

const definition = loadDefinition(
  `name: shop
source: { type: postgres, url: "postgres://h/d" }
tables: [public.orders, "sales.*"]
exclude: [sales.tmp_*]
target: { url: s3://lake/shop }`,
  'tidemark.yaml',
  {},
);

const ledgerOf = (...tables: string[]) => ({
  tableHeads: async () => tables.map((table) => ({ table }) as TableHead),
});
const heads = ledgerOf('public.orders', 'public.former', 'sales.lines', 'sales.tmp_1');

const spelled = async (text: string, ledger: ReturnType<typeof ledgerOf> | null = heads) =>
  formatTableName(await namedTable(definition, text, ledger));

test('what stands in the definition is taken at its word; what patterns have found is known from the ledger', async () => {
  expect(await spelled('orders', ledgerOf())).toBe('public.orders');
  expect(await spelled('sales.lines')).toBe('sales.lines');
});

test.for([
  ['sales.lnes', 'did you mean sales.lines?'],
  ['order', 'did you mean public.orders?'],
  ['sales.tmp_1', 'its tables: public.orders, sales.lines'],
  ['quite_another', 'its tables: public.orders, sales.lines'],
  ['public.former', 'did you mean public.orders?'],
  ['sales.*', 'sync shop has no table "sales.*"'],
] as const)('%s: there is none of that name', async ([text, message]) => {
  await expect(spelled(text)).rejects.toMatchObject({
    code: 'UsageWrong',
    message: expect.stringContaining(message),
    next: expect.stringContaining('tidemark status'),
  });
});

test('without a ledger, what a pattern matches is believed', async () => {
  expect(await spelled('sales.anything', null)).toBe('sales.anything');
  await expect(spelled('sales.tmp_1', null)).rejects.toThrow('no table');
});
