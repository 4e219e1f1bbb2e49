/** This project's app, as the CDK CLI runs it: a process of its own, without an account, a network or a region. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { syncStacks } from '../../infra/sync-stacks.ts';
import { definitionFile, full, least } from './definitions.ts';
import { testApp } from './template.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-app-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Nothing of the developer's environment: no credentials, no region, no proxy. */
const run = (file: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  new Promise<Ended>((done) => {
    const env = { PATH: process.env.PATH ?? '', HOME: folder, ...environment };
    execFile(file, [...args], { env }, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

/** The app alone, with the context that the CLI would hand on. */
const runApp = (context: Readonly<Record<string, string>>) =>
  run(process.execPath, ['--import', 'tsx', 'infra/app.ts'], {
    CDK_OUTDIR: mkdtempSync(join(folder, 'out-')),
    CDK_CONTEXT_JSON: JSON.stringify(context),
  });

test('`cdk synth` makes two stacks of each definition that the context names, offline', async () => {
  const out = join(folder, 'cdk.out');
  const files = [definitionFile(folder, 'full', full), definitionFile(folder, 'least', least)].join(', ');
  const cdk = resolve('node_modules/aws-cdk/bin/cdk');
  const ended = await run(process.execPath, [
    cdk,
    'synth',
    '--quiet',
    '--output',
    out,
    '-c',
    `definitions=${files}`,
  ]);
  expect(ended).toMatchObject({ code: 0 });
  const templates = readdirSync(out).filter((name) => name.endsWith('.template.json'));
  expect(templates.sort()).toEqual([
    'tidemark-plain-data.template.json',
    'tidemark-plain.template.json',
    'tidemark-shop-data.template.json',
    'tidemark-shop.template.json',
  ]);
  const definitions = readdirSync(out)
    .map((name) => join(out, name, 'tidemark.yaml'))
    .filter(existsSync);
  expect(new Set(definitions.map((file) => readFileSync(file, 'utf8')))).toEqual(new Set([full, least]));
}, 300_000);

test('what is wrong is said in a few lines, with its place and what to do, and ends with 2', async () => {
  const twins = [definitionFile(folder, 'one', least), definitionFile(folder, 'two', least)];
  const said = await Promise.all([
    runApp({ definitions: twins.join(',') }),
    runApp({ definitions: ' , ' }),
    runApp({ definitions: 'nowhere.yaml' }),
    runApp({ definition: twins[0]! }),
  ]);
  expect(said.map(({ stderr }) => stderr)).toEqual([
    expect.stringMatching(
      /DefinitionInvalid: .*two\/tidemark\.yaml: name: the sync plain is also what .*one\/tidemark\.yaml defines; allowed: each name once/,
    ),
    expect.stringMatching(
      /UsageWrong: The context value definitions is empty; allowed: paths.*\n\n.*`-c definitions=<files>`/,
    ),
    expect.stringMatching(
      /DefinitionMissing: There is no definition at nowhere\.yaml\.\n\n.*`-c definitions=<files>`/,
    ),
    expect.stringMatching(/UsageWrong: .*did you mean definitions\?\n\n.*`-c definitions=<files>`/),
  ]);
  for (const { code, stderr, stdout } of said) {
    expect(code).toBe(2);
    expect(stdout).toBe('');
    // the code and what is wrong, an empty line, what to do: and no stack of JavaScript
    expect(stderr.trim().split('\n')).toHaveLength(3);
    expect(stderr).not.toMatch(/^\s+at /m);
  }
}, 300_000);

test('in an app of one’s own, which does not catch it, what to do stands there too', async () => {
  const own = `
    import { App, Stack } from 'aws-cdk-lib';
    import { SyncPipeline } from './infra/sync-pipeline.ts';
    new SyncPipeline(new Stack(new App(), 'Own'), 'Sync', { definitionFile: process.argv[1] });`;
  const runOwn = (definition: string) =>
    run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', own, definition]);
  const [invalid, missing] = await Promise.all([
    runOwn(definitionFile(folder, 'own', least.replace('plain-lake', 'Plain_Lake'))),
    runOwn(join(folder, 'nowhere.yaml')),
  ]);
  expect(invalid!.stderr).toMatch(
    /DefinitionInvalid: .*:8: target\.url.*\n\nMend the definition at the place/,
  );
  expect(missing!.stderr).toMatch(
    /DefinitionMissing: There is no .*\n\nWrite the file, .*as definitionFile\./,
  );
  for (const { code, stderr } of [invalid!, missing!]) {
    expect(code).toBe(1);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stderr.split('\n').length).toBeLessThan(15);
  }
}, 300_000);

describe('syncs that cannot be deployed beside each other are refused, with both files and what is allowed', () => {
  const other = full.replace('name: shop', 'name: erp').replace('s3://shop-lake/raw', 's3://erp-lake');
  const apart = other.replace('    route_tables: [rtb-0123456789abcdef0]\n', '');
  const refusedPair = (first: string, second: string): string => {
    const at = mkdtempSync(join(folder, 'pair-'));
    try {
      syncStacks(
        testApp(join(at, 'out')),
        [definitionFile(at, 'first', first), definitionFile(at, 'second', second)],
        {},
      );
    } catch (error) {
      return (error as Error).message;
    }
    return 'they were taken';
  };
  const withEndpoints = (text: string) => text.replace('  vpc:\n', '  vpc:\n    interface_endpoints: true\n');

  test.each([
    [
      'interface endpoints in one VPC',
      withEndpoints(full),
      withEndpoints(apart),
      'deploy.vpc.interface_endpoints',
    ],
    ['gateway endpoints in one route table', full, other, 'deploy.vpc.route_tables'],
    ['a bucket that both make', full, apart.replace('s3://erp-lake', 's3://shop-lake/erp'), 'deploy.bucket'],
    [
      'a table that both write',
      full,
      apart
        .replace('s3://erp-lake', 's3://shop-lake/raw/')
        .replace('bucket: create', 'bucket: existing')
        .replace('  versioned: true\n', '')
        .replace('public.orders', 'orders'),
      'target.url',
    ],
  ])('%s', (_what, first, second, place) => {
    const message = refusedPair(first, second);
    expect(message).toMatch(/^\S*second\/tidemark\.yaml: .*first\/tidemark\.yaml has it too; allowed: /);
    const places = message.split('\n').map((line) => line.split(': ')[1]);
    expect(new Set(places)).toEqual(new Set([place]));
  });

  test('those that share a VPC otherwise are taken', () => {
    expect(refusedPair(withEndpoints(full), apart)).toBe('they were taken');
  });
});

test('a file that is not there is named', () => {
  const missing = join(folder, 'nowhere.yaml');
  expect(() => syncStacks(testApp(join(folder, 'missing.out')), [missing], {})).toThrow(
    `There is no definition at ${missing}`,
  );
  expect(() => syncStacks(testApp(join(folder, 'missing.out')), [folder], {})).toThrow(
    'A folder, not a definition',
  );
});

describe('a definition that cannot be deployed is refused at its place', () => {
  const refused = (text: string, environment: Readonly<Record<string, string>> = {}): string => {
    const file = definitionFile(mkdtempSync(join(folder, 'refused-')), 'sync', text);
    try {
      syncStacks(testApp(join(folder, 'refused.out')), [file], environment);
    } catch (error) {
      return (error as Error).message;
    }
    return 'it was taken';
  };

  test.each([
    ['a bucket’s name that AWS refuses', least.replace('plain-lake', 'Plain_Lake'), /:8: target\.url/],
    [
      'a password in the open',
      least.replace(/ {2}secret: .*\n/, ''),
      /:5: source\.url: asks for environment variables/,
    ],
    ['a VPC without subnets', full.replace(/ {4}subnets: .*\n/, ''), /deploy\.vpc\.subnets/],
    [
      'a schedule that never fires',
      full.replace('cron(0 3 * * ? *)', 'cron(0 3 31 2 ? *)'),
      /schedule\.expression/,
    ],
    [
      'a compression that Lambda has not',
      least.replace('lake }', 'lake, compression: snappy }'),
      /target\.compression/,
    ],
    [
      'a name that collides with a data stack',
      least.replace('name: plain', 'name: plain-data'),
      /name: "plain-data"/,
    ],
    [
      'a variable that is not set',
      least.replace('{ url: s3://plain-lake }', '{ url: "${LAKE}" }'),
      /\$LAKE, which is not set/,
    ],
  ])('%s', (_what, text, message) => {
    expect(refused(text)).toMatch(message);
  });
});
