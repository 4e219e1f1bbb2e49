import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../cli/main.ts';
import { engineNames, engines } from '../../cli/reader-sql/engines.ts';
import type { LakeTable } from '../../cli/reader-sql/lake-table.ts';
import type { Column, ColumnType } from '../../core/formats/column.ts';
import { fakeCloud, published } from '../support/fake-cloud.ts';
import { definitionFile, fakeSurroundings } from '../support/fake-surroundings.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const types: Readonly<Record<string, ColumnType>> = {
  id: { kind: 'int', bits: 64 },
  small: { kind: 'int', bits: 16 },
  'Odd "Name"`s': { kind: 'int', bits: 32 },
  is_paid: { kind: 'boolean' },
  ratio: { kind: 'float', bits: 32 },
  score: { kind: 'float', bits: 64 },
  price: { kind: 'decimal', precision: 12, scale: 3 },
  day: { kind: 'date' },
  at: { kind: 'time' },
  created: { kind: 'timestamp', utc: false },
  updated: { kind: 'timestamp', utc: true },
  token: { kind: 'uuid' },
  note: { kind: 'string' },
  extra: { kind: 'json' },
  picture: { kind: 'bytes' },
};

const columns = Object.entries(types).map(
  ([name, type], at): Column => ({ id: at + 1, name, type, nullable: name !== 'id' }),
);

/** `sales.o'rder.lines`, in a prefix with all that a prefix may hold. */
const table: LakeTable = {
  name: `sales."o'rder.lines"`,
  lakeName: 'sales_o_rder_lines',
  syncName: 'shop_eu',
  bucket: 'lake',
  path: `it's_(a)-shop!/sales.o!27rder!2elines`,
  catalog: { type: 'ledger' },
  manifests: [],
  metadata: 7,
  columns,
  bucketsFolder: null,
};

const rest = { type: 'rest', uri: 'https://catalog.example/api', namespace: 'shop' } as const;
const s3tables = {
  ...rest,
  uri: 'https://s3tables.eu-central-1.amazonaws.com/iceberg',
  warehouse: 'arn:aws:s3tables:eu-central-1:111122223333:bucket/shop-tables',
  sign: { service: 's3tables', region: 'eu-central-1' },
} as const;
const glueRest = {
  ...rest,
  uri: 'https://glue.eu-central-1.amazonaws.com/iceberg',
  warehouse: '111122223333',
  sign: { service: 'glue', region: 'eu-central-1' },
} as const;
const secretToken = 's3cret-t0ken';

const cases: Readonly<Record<string, LakeTable>> = {
  'ledger, on S3': table,
  'ledger, on S3, not published yet': { ...table, metadata: null, columns: null },
  'ledger, on S3, with manifests': { ...table, manifests: ['hive', 'redshift'] },
  'ledger, on S3, with manifests, not published yet': {
    ...table,
    manifests: ['hive', 'redshift'],
    metadata: null,
    columns: null,
  },
  'ledger, in a folder': { ...table, bucketsFolder: `/srv/o'neil/.tidemark/s3` },
  glue: { ...table, catalog: { type: 'glue', database: 'shop' } },
  rest: { ...table, catalog: rest },
  'rest, with a warehouse and a token': {
    ...table,
    catalog: { ...rest, warehouse: `main's`, token: secretToken },
  },
  'rest, Glue’s own': { ...table, catalog: glueRest },
  'rest, S3 Tables': { ...table, catalog: s3tables },
  'rest, behind API Gateway': {
    ...table,
    catalog: { ...rest, sign: { service: 'execute-api', region: 'eu-central-1' } },
  },
};

describe('the statements', () => {
  it.each(engineNames)('of %s, for each catalog', async (engine) => {
    const text = Object.entries(cases)
      .map(([name, of]) => {
        const { statements, notes } = engines[engine](of);
        return [`=== ${name}`, ...statements, ...notes.map((note) => `-- ${note}`)].join('\n');
      })
      .join('\n\n');
    await expect(`${text}\n`).toMatchFileSnapshot(`golden/sql-${engine}.txt`);
  });

  it.each(engineNames)('of %s: where there are none, it is said why; a token is never in them', (engine) => {
    for (const of of Object.values(cases)) {
      const { statements, notes } = engines[engine](of);
      expect(statements.length + notes.length).toBeGreaterThan(0);
      expect(JSON.stringify({ statements, notes })).not.toContain(secretToken);
      if (statements.length > 0 && of.catalog.type === 'rest' && of.catalog.token)
        expect(notes).toContain('<token> is that of target.catalog.token: it is not printed.');
    }
  });
});

describe('tidemark sql', () => {
  const definition = (target: string): string => `name: shop
source: { type: postgres, url: "\${DATABASE_URL}" }
tables: [public.orders, { name: sales.items, as: sold }]
target: ${target}
`;

  async function called(
    args: string,
    { target = '{ url: s3://lake/shop }', withLedger = true, cloud = true } = {},
  ) {
    const home = scratchFolder();
    if (withLedger) mkdirSync(join(home, 'dynamodb'));
    const head = { ...published('public.orders', '20261120T060000Z-0001', 10), metadata: 5 };
    const told = fakeSurroundings({ environment: {}, ...(cloud && { cloud: fakeCloud({ heads: [head] }) }) });
    const file = definitionFile(definition(target));
    const exitCode = await main([...args.split(' '), '--config', file, '--home', home], told.surroundings);
    return { ...told, exitCode, home };
  }

  it('prints statements, then notes; as JSON for programs', async () => {
    const { exitCode, stdout, stderr, home } = await called('sql orders --engine duckdb');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const scan = `SELECT * FROM iceberg_scan('${home}/s3/lake/shop/public.orders', allow_moved_paths = true) LIMIT 10;`;
    expect(stdout).toBe(`INSTALL iceberg; LOAD iceberg;\n\n${scan}\n`);
    const json = JSON.parse((await called('sql orders --engine trino --cloud aws --json')).stdout);
    expect(json).toMatchObject({
      command: 'sql',
      table: 'public.orders',
      engine: 'trino',
      catalog: 'ledger',
    });
    // of the head, which names the metadata file
    expect(json.statements[1]).toContain(`metadata_file_name => 'v5.metadata.json'`);
    expect(json.notes.every((note: unknown) => typeof note === 'string')).toBe(true);
  });

  it('uses the name that the definition gives a table in its catalog', async () => {
    const target = '{ url: s3://lake/shop, catalog: { type: glue, database: shop } }';
    const { stdout } = await called('sql sales.items --engine athena --cloud aws', { target });
    expect(stdout).toBe('SELECT * FROM "AwsDataCatalog"."shop"."sold" LIMIT 10;\n');
    // on this machine there is no catalog beside the ledger
    const here = await called('sql sales.items --engine duckdb --json', { target });
    expect(JSON.parse(here.stdout).catalog).toBe('ledger');
  });

  it('says why not, as a wrong definition', async () => {
    const { exitCode, stdout } = await called('sql orders --engine athena --cloud aws');
    expect(exitCode).toBe(2);
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /^-- Athena cannot open a table by its path\. Set `target.catalog/,
    );
  });

  it('prints them also where nothing can be looked up', async () => {
    const nowhere = await called('sql orders --engine duckdb', { withLedger: false, cloud: false });
    expect(nowhere).toMatchObject({ exitCode: 0, clouds: [] });
    const told = fakeSurroundings({ environment: {} });
    const { TidemarkError } = await import('../../core/errors.ts');
    const refused = new TidemarkError('NotDeployed', 'sync shop is not deployed');
    const file = join(scratchFolder(), 'shop.yaml');
    writeFileSync(file, definition('{ url: s3://lake/shop }'));
    const surroundings = { ...told.surroundings, openCloud: () => Promise.reject(refused) };
    const args = ['sql', 'orders', '--engine', 'snowflake', '--cloud', 'aws', '--config', file, '--json'];
    expect(await main(args, surroundings)).toBe(0);
    const { statements, notes } = JSON.parse(told.stdout);
    expect(statements.join('\n')).toContain('v<n>.metadata.json');
    expect(notes.at(-1)).toBe('What is published could not be looked up: sync shop is not deployed');
  });

  it.each([
    ['sql orders --engine duckdbb', '--engine "duckdbb"; did you mean duckdb? Allowed: athena, duckdb,'],
    ['sql orders --engine x', 'there is none of that name. Allowed: athena,'],
    ['sql ordres --engine duckdb', 'did you mean public.orders?'],
    ['sql orders', "required option '--engine <name>' not specified"],
  ])('refuses %s', async (line, message) => {
    const { exitCode, stderr, stdout } = await called(line);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(message);
  });
});
