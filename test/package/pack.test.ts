/**
 * What `npm pack` makes, installed into an empty folder elsewhere: the command runs a sync, the construct deploys one,
 * and TypeScript knows its types. Nothing of this checkout is in reach there.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningPostgres, startPostgres } from '../../local/postgres.ts';
import { compareWithSource } from '../support/compare-with-source.ts';
import { filesOf, readPointer } from '../support/lake.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const { devDependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
let outside: string;
let postgres: RunningPostgres;

/** Settings of this checkout's npm (`npm test` hands them on) must not reach into the other folder. */
const environment = (more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(config_(local_prefix|prefix|ignore_scripts)|package_|lifecycle_)/.test(name),
    ),
  ),
  ...more,
});

async function ran(folder: string, command: string, args: string[], more: Record<string, string> = {}) {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, {
      cwd: folder,
      env: environment(more),
      maxBuffer: 64 * 1024 ** 2,
    });
    return { exitCode: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string };
    return { exitCode: code ?? -1, stdout: stdout ?? '', stderr: stderr ?? String(error) };
  }
}

async function must(folder: string, command: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await ran(folder, command, args);
  if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr || stdout}`);
  return stdout;
}

beforeAll(async () => {
  outside = mkdtempSync(join(tmpdir(), 'tidemark-pack-'));
  postgres = await startPostgres({ folder: join(outside, 'postgres') });
  const packed = join(outside, 'packed');
  mkdirSync(packed);
  await must(project, 'npm', 'pack', '--pack-destination', packed);
  const [tarball] = readdirSync(packed);
  const folder = join(outside, 'app');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"name":"app","private":true,"type":"module"}\n');
  const versions = ['aws-cdk-lib', 'constructs', '@types/node'].map(
    (name) => `${name}@${devDependencies[name]}`,
  );
  await must(
    folder,
    'npm',
    ...['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'],
    join(packed, tarball!),
    ...versions,
  );
}, 300_000);

afterAll(async () => {
  await postgres.stop();
  rmSync(outside, { recursive: true, force: true });
});

test('the package holds what it needs, and no test, source map or sample of this checkout', async () => {
  const folder = join(outside, 'app', 'node_modules', 'tidemark');
  expect(readdirSync(folder).sort()).toEqual(['LICENSE', 'README.md', 'cli', 'dist', 'package.json']);
  expect(readdirSync(join(folder, 'cli'))).toEqual(['tidemark.js']);
  const files = readdirSync(join(folder, 'dist'), { recursive: true }).map(String);
  expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
  expect(files).toContain(join('infra', 'sync.asl.json'));
});

test('the command copies a table of a definition in that folder, every row of it', async () => {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(`
    create table orders as
    select i as id, 'order ' || i as note, (i * 1.25)::numeric(12,2) as amount from generate_series(1, 20000) i;
    alter table orders add primary key (id)`);
  await client.end();
  const folder = join(outside, 'app');
  writeFileSync(
    join(folder, 'tidemark.yaml'),
    'name: shop\nsource: { type: postgres, url: "${DATABASE_URL}" }\ntables: [public.orders]\ntarget: { url: s3://lake/shop }\nchunk: { rows: 8000 }\n',
  );
  const { exitCode, stdout, stderr } = await ran(folder, 'npx', ['tidemark', 'run', '--json'], {
    DATABASE_URL: postgres.url,
  });
  expect(exitCode, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ outcome: 'published' });
  expect(stderr).not.toMatch(/Warning/);
  const home = join(folder, '.tidemark');
  const pointer = readPointer(home, 'lake', join('shop', 'public.orders'))!;
  expect(await compareWithSource(postgres.url, 'orders', filesOf(home, 'lake', pointer))).toEqual({
    sourceRows: 20_000,
    lakeRows: 20_000,
    lost: 0,
    alien: 0,
  });
}, 120_000);

test('the sample, whose data the package does not bring, is refused before anything is started or made', async () => {
  const folder = join(outside, 'app');
  const { exitCode, stderr } = await ran(folder, 'npx', ['tidemark', 'sample', 'run', '--home', 'sampled']);
  expect(exitCode).toBe(1);
  const words = stderr.replaceAll(/\s+/g, ' ');
  expect(words).toMatch(/^✗ CloudBroken: the sample database needs the npm packages vega-datasets and/);
  expect(words).toContain(`vega-datasets@${devDependencies['vega-datasets']}`);
  expect(readdirSync(folder)).not.toContain('sampled');
});

describe('the construct', () => {
  const examples = readdirSync(join(project, 'examples'));
  const app = (): string => join(outside, 'app');

  // all at once: most of what there is to check are the types of aws-cdk-lib
  test('each example type-checks, and is compiled', async () => {
    for (const example of examples) {
      cpSync(join(project, 'examples', example), join(app(), example), { recursive: true });
    }
    const tsc = join(project, 'node_modules', 'typescript', 'bin', 'tsc');
    await must(
      app(),
      process.execPath,
      tsc,
      ...['--module', 'nodenext', '--target', 'es2023', '--strict', '--types', 'node'],
      ...examples.map((example) => join(example, 'app.ts')),
    );
  }, 120_000);

  test.each(examples)(
    'examples/%s is synthesized by plain Node from its compiled TypeScript',
    async (example) => {
      const folder = join(app(), example);
      const { exitCode, stdout, stderr } = await ran(folder, process.execPath, ['app.js'], {
        CDK_OUTDIR: join(folder, 'cdk.out'),
      });
      expect(exitCode, stdout + stderr).toBe(0);
      const templates = readdirSync(join(folder, 'cdk.out')).filter((file) =>
        file.endsWith('.template.json'),
      );
      const machines = templates.flatMap((file) => {
        const { Resources } = JSON.parse(readFileSync(join(folder, 'cdk.out', file), 'utf8'));
        return Object.values(Resources as Record<string, { Type: string }>).filter(
          ({ Type }) => Type === 'AWS::StepFunctions::StateMachine',
        );
      });
      expect(machines).toHaveLength(1);
    },
    120_000,
  );
});
