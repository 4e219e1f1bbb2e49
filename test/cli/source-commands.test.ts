import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import zlib from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agree, countTables } from '../../cli/counts.ts';
import { main } from '../../cli/main.ts';
import { loadDefinition } from '../../core/definition/load.ts';
import { TidemarkError } from '../../core/errors.ts';
import type { ListedTable, Source, SourceColumn, TableDescription } from '../../core/sources/source.ts';
import { execution, fakeCloud, keys, runItem } from '../support/fake-cloud.ts';
import { definitionFile, fakeSurroundings, shopDefinition } from '../support/fake-surroundings.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const column = (id: number, name: string, over: Partial<SourceColumn>): SourceColumn => ({
  id,
  name,
  type: { kind: 'string' },
  nullable: true,
  sourceType: 'text',
  transfer: 'binary',
  ...over,
});

const orders: TableDescription = {
  schema: 'public',
  table: 'orders',
  identity: '1',
  columns: [
    column(1, 'id', { type: { kind: 'int', bits: 64 }, sourceType: 'bigint', nullable: false }),
    column(2, 'price', { type: { kind: 'decimal', precision: 12, scale: 2 }, sourceType: 'numeric(12,2)' }),
    column(3, 'place', { sourceType: 'point', transfer: 'text' }),
  ],
  key: { by: 'columns', columns: [{ column: 'id', sourceType: 'bigint' }] },
  notes: ['place: point is copied as its text'],
};

/** A database in which `public.items` is denied. */
const source = (over: Partial<Source> = {}): Source => ({
  identify: async () => ({ description: 'PostgreSQL 17.9 at db:5432/shop, as me, over TLS', identity: '1' }),
  list: async () => [],
  describe: async ({ table }) => {
    if (table === 'items') throw new TidemarkError('TableDenied', 'table public.items: permission denied');
    return orders;
  },
  measure: async () => ({
    rows: 2_500_000,
    bytes: 345_000_000,
    min: '1',
    max: '3000000',
    sample: Array.from({ length: 999 }, (_, index) => String((index + 1) * 3000)),
  }),
  rights: async () => ({ beyond: [], grants: [] }),
  count: async ({ table }) => (table === 'orders' ? 1000 : 101),
  read: () => {
    throw new Error('nothing is read here');
  },
  close: async () => {},
  ...over,
});

async function called(args: readonly string[], over: Partial<Source> = {}, file = definitionFile()) {
  const home = join(scratchFolder(), 'new', '.tidemark');
  const told = fakeSurroundings({ source: source(over) });
  const exitCode = await main([...args, '--config', file, '--home', home], told.surroundings);
  expect(readdirSync(dirname(dirname(home))), 'they leave nothing behind').toEqual([]);
  return { ...told, exitCode };
}

describe('tidemark check', () => {
  it('finds every problem at once, each with its next step', async () => {
    const { exitCode, stdout } = await called(['check']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('✓ $DATABASE_URL is set');
    expect(stdout).toContain('✓ database: PostgreSQL 17.9 at db:5432/shop, as me, over TLS');
    expect(stdout).toContain(
      '✓ public.orders: about 2,500,000 rows, 345 MB; key id bigint; 3 columns: id bigint → int64, price numeric(12,2) → decimal(12,2), place point → string',
    );
    expect(stdout).toContain('! public.orders: place: point is copied as its text');
    expect(stdout).toMatch(/✗ public.items: TableDenied: .*\n {2}next: GRANT SELECT/);
    expect(stdout).toMatch(/✓ .*\.tidemark can be written, .* free/);
    expect(stdout).toContain('1 problem to mend before a run');
    expect(stdout).not.toContain('s3cret');
  });

  it('is content with all that is well', async () => {
    const { exitCode, stdout } = await called(['check'], { describe: async () => orders });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/ready: `npx tidemark run .*`\n$/);
  });

  describe('of patterns', () => {
    const listed = (table: string, over: Partial<ListedTable> = {}): ListedTable => ({
      ...{ schema: 'public', table, kind: 'table', byPattern: true, columns: [], rows: null, bytes: null },
      ...over,
    });
    const list = async () => [
      listed('items'),
      listed('orders'),
      listed('seen', { kind: 'view', byPattern: false }),
    ];
    const file = () =>
      definitionFile(
        shopDefinition
          .replace(/^tables:.*$/m, 'tables: ["public.*", "publik.*"]')
          .replace(/^(target:.*)$/m, '$1\nexclude: [public.tmp_*]'),
      );

    it('check names what they take, what they pass over, and those that take nothing', async () => {
      const { exitCode, stdout } = await called(['check'], { list }, file());
      expect(exitCode).toBe(1);
      expect(stdout).toContain(': sync shop, 2 patterns → s3://lake/shop');
      expect(stdout).toContain('✓ public.orders: about 2,500,000 rows');
      expect(stdout).toContain('✗ public.items: TableDenied');
      expect(stdout).toMatch(/✗ publik\.\*: DefinitionInvalid: .*takes no table: there is public\./);
      expect(stdout).toContain('! exclude: public.tmp_* takes nothing out of any pattern');
      expect(stdout).toContain(
        '! patterns do not take public.seen (view): to copy them, name each, with its `key:`',
      );
      expect(stdout).toContain('2 problems to mend before a run');
    });

    it('plan does, too', async () => {
      const { exitCode, stdout } = await called(['plan'], { list }, file());
      expect(exitCode).toBe(1);
      expect(stdout).toMatch(/public.orders +2,500,000/);
      expect(stdout).toMatch(/publik.\* +— .*cannot be copied/);
      expect(stdout).toContain('! patterns do not take public.seen (view)');
      const { notes, tables } = JSON.parse((await called(['plan', '--json'], { list }, file())).stdout);
      expect(notes).toHaveLength(2);
      expect(tables.map(({ table }: { table: string }) => table)).toEqual([
        'public.items',
        'public.orders',
        'publik.*',
      ]);
    });
  });

  it('asks an unreachable database once', async () => {
    const identify = async () => {
      throw new TidemarkError('SourceUnavailable', 'nobody answers at db:5432');
    };
    const { exitCode, stdout } = await called(['check', '--json'], { identify });
    expect(exitCode).toBe(1);
    const { ok, findings } = JSON.parse(stdout);
    expect(ok).toBe(false);
    expect(findings.filter(({ result }: { result: string }) => result === 'bad')).toMatchObject([
      { about: 'database', code: 'SourceUnavailable', next: expect.any(String) },
    ]);
  });

  it('does not go on with the other tables when the database goes away', async () => {
    const describe = async () => {
      throw new TidemarkError('SourceUnavailable', 'went away');
    };
    const { stdout } = await called(['check'], { describe });
    expect(stdout.match(/SourceUnavailable/g)).toHaveLength(1);
  });

  it('looks at definition, environment and folder even where one of them is wrong; exit code 2', async () => {
    const file = definitionFile('name: shop\nsource: { type: postgres, url: "${NOT_SET}" }\ntabels: [a]\n');
    const { exitCode, stdout } = await called(['check'], {}, file);
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(
      /DefinitionInvalid: [\s\S]*tabels[\s\S]*EnvironmentMissing: \$NOT_SET is not set[\s\S]*can be written/,
    );
  });

  it('finds a compression that this Node cannot do; exit code 2', async () => {
    const { zstdCompressSync } = zlib;
    Object.assign(zlib, { zstdCompressSync: undefined });
    onTestFinished(() => {
      Object.assign(zlib, { zstdCompressSync });
    });
    const file = definitionFile(
      shopDefinition.replace('s3://lake/shop', 's3://lake/shop, compression: zstd'),
    );
    const { exitCode, stdout } = await called(['check'], { describe: async () => orders }, file);
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(
      /✗ DefinitionInvalid: .*shop.yaml: target\.compression: zstd needs Node 22\.15 or newer, this is v/,
    );
    expect(stdout).toContain('1 problem to mend');
  });

  describe('where there is a ledger', () => {
    const id = '20261120T070000Z-0002';
    async function checked(fingerprint: string, status: 'ABORTED' | 'RUNNING', ledger = true) {
      const home = join(scratchFolder(), '.tidemark');
      mkdirSync(ledger ? join(home, 'dynamodb') : home, { recursive: true });
      const cloud = fakeCloud({
        head: { run: id, execution: 'arn:1' },
        runs: [runItem(fingerprint === 'same' ? { run: id } : { run: id, fingerprint })],
        executions: new Map([['arn:1', execution({ arn: 'arn:1', status })]]),
      });
      const told = fakeSurroundings({ cloud, source: source({ describe: async () => orders }) });
      const exitCode = await main(['check', '--config', definitionFile(), '--home', home], told.surroundings);
      return { ...told, exitCode };
    }

    it('notes an unfinished run that began with another definition', async () => {
      const { exitCode, stdout, clouds } = await checked('another', 'ABORTED');
      expect(exitCode).toBe(0);
      expect(clouds).toMatchObject([{ mode: 'look' }]);
      expect(stdout).toMatch(
        new RegExp(
          `! run ${id} is unfinished; the definition has changed since\\. .*\`npx tidemark run .*\` abandons it`,
        ),
      );
      expect(stdout).toContain('ready: ');
    });

    it('says nothing of one that goes on, or that is worked on; asks nothing where there is no ledger', async () => {
      expect((await checked('same', 'ABORTED')).stdout).not.toContain(id);
      expect((await checked('another', 'RUNNING')).stdout).not.toContain(id);
      expect((await checked('another', 'ABORTED', false)).clouds).toEqual([]);
    });
  });

  it('says that the folder cannot be written', async () => {
    const file = join(scratchFolder(), 'a-file');
    writeFileSync(file, '');
    const told = fakeSurroundings({ source: source({ describe: async () => orders }) });
    const args = ['check', '--config', definitionFile(), '--home', join(file, 'home')];
    expect(await main(args, told.surroundings)).toBe(1);
    expect(told.stdout).toMatch(/✗ CloudBroken: .* cannot be written \(ENOTDIR\)/);
  });
});

describe('tidemark plan', () => {
  it('shows tables, what columns become, and chunks with their ranges', async () => {
    const { exitCode, stdout } = await called(['plan', '--chunks']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(
      'from  PostgreSQL 17.9 at db:5432/shop, as me, over TLS\nto    s3://lake/shop, up to 4 chunks at once\n',
    );
    expect(stdout).toMatch(/public.orders +2,500,000 +345 MB +3 +id bigint\n/);
    expect(stdout).toMatch(/public.items +— +— +— +cannot be copied: see below/);
    expect(stdout).toMatch(/ {2}price +numeric\(12,2\) +decimal\(12,2\)\n/);
    expect(stdout).toContain('  ! place: point is copied as its text');
    expect(stdout).toMatch(/ {6}0 +\d{3},\d{3} +— +1002000\n +1 +\d{3},\d{3} +1002000 +/);
    expect(stdout).toMatch(/ +3000000\n/);
    expect(stdout).toMatch(/✗ TableDenied: .*\n {4}next: GRANT SELECT/);
  });

  it('is one document with --json', async () => {
    const { exitCode, stdout, clouds } = await called(['plan', '--json'], { describe: async () => orders });
    expect(exitCode).toBe(0);
    expect(clouds).toEqual([]);
    expect(JSON.parse(stdout).tables[0]).toMatchObject({
      table: 'public.orders',
      rows: 2_500_000,
      key: { by: 'columns', columns: [{ column: 'id', sourceType: 'bigint' }] },
      columns: [
        { name: 'id', sourceType: 'bigint', type: { kind: 'int', bits: 64 }, nullable: false },
        {},
        {},
      ],
      chunkCount: 3,
    });
    expect(JSON.parse(stdout).tables[0].chunks).toBeUndefined();
  });

  it('ends with the database’s own error where it is refused', async () => {
    const identify = async () => {
      throw new TidemarkError('SourceRefused', 'wrong password');
    };
    const { exitCode, stdout, stderr } = await called(['plan'], { identify });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain('✗ SourceRefused: wrong password');
  });
});

describe('counts', () => {
  it('holds the database against the files that the pointer names', async () => {
    const objects = new Map([
      [
        keys.pointer({ schema: 'public', table: 'orders' }),
        Buffer.from(JSON.stringify({ files: [{ key: 'a' }, { key: 'b' }] })),
      ],
    ]);
    const asked: string[][] = [];
    const counter = {
      count: async (paths: readonly string[]) => {
        asked.push([...paths]);
        return paths.length * 500;
      },
      close: () => {},
    };
    const definition = loadDefinition(shopDefinition, 'tidemark.yaml', null);
    const counts = await countTables(fakeCloud({ objects }), { source: source() }, counter, definition, {
      run: '20261120T070000Z-0001',
      tables: ['public.orders', 'public.items'],
    });
    expect(asked).toEqual([['.tidemark/s3/lake/a', '.tidemark/s3/lake/b'], []]);
    expect(counts).toEqual([
      { table: 'public.orders', source: 1000, files: 1000 },
      { table: 'public.items', source: 101, files: 0 },
    ]);
    expect(agree(counts)).toBe(false);
    expect(agree(counts.slice(0, 1))).toBe(true);
  });
});

describe('tidemark sample', () => {
  it('starts the sample database and runs a command on it, with the definition that goes with it', async () => {
    const opened: string[] = [];
    const told = fakeSurroundings({ environment: {} });
    const surroundings = {
      ...told.surroundings,
      openSource: async (definition: { name: string; source: { url?: string | undefined } }) => {
        opened.push(`${definition.name} ${definition.source.url}`);
        return source({ describe: async () => orders });
      },
    };
    expect(await main(['sample', '--home', 'h', 'plan', '--json'], surroundings)).toBe(0);
    expect(opened).toEqual(['sample postgres://sample@127.0.0.1:2/db']);
    expect(told.sample).toEqual(['start h', 'stop']);
    expect(JSON.parse(told.stdout)).toMatchObject({ command: 'plan', sync: 'sample' });
  });

  it('needs no database to look', async () => {
    const told = fakeSurroundings({ environment: {}, cloud: fakeCloud({}) });
    expect(await main(['sample', 'status'], told.surroundings)).toBe(0);
    expect(told.sample).toEqual([]);
    expect(told.stdout).toBe('sample: no run yet; `npx tidemark sample run` starts one\n');
  });

  it('keeps the database running until Ctrl-C', async () => {
    const told = fakeSurroundings({});
    const ended = main(['sample'], told.surroundings);
    while (!told.stderr.includes('Ctrl-C stops it')) await new Promise((resolve) => setImmediate(resolve));
    expect(told.stderr).toContain('  psql postgres://sample@127.0.0.1:2/db\n');
    told.interrupt();
    expect(await ended).toBe(0);
    expect(told.sample).toEqual(['start .tidemark', 'stop']);
  });

  it('stops the database also where the command fails, and is not to be nested', async () => {
    const told = fakeSurroundings({});
    expect(await main(['sample', 'rum'], told.surroundings)).toBe(2);
    expect(told.sample).toEqual(['start .tidemark', 'stop']);
    expect(await main(['sample', 'sample'], told.surroundings)).toBe(2);
  });
});
