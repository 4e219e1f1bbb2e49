import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundleFunctions, bundleFunctionsSync } from '../../functions/bundling.ts';

const errorsFile = fileURLToPath(new URL('../../core/errors.ts', import.meta.url));
const projectModules = fileURLToPath(new URL('../../node_modules', import.meta.url));

let folder: string;
let outDir: string;
let definitionFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-bundling-'));
  outDir = join(folder, 'functions');
  definitionFile = join(folder, 'my-sync.yaml');
  await writeFile(definitionFile, 'name: shop\n');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function entry(name: string, code: string): Promise<string> {
  const file = join(folder, `${name}.ts`);
  await writeFile(file, code);
  return file;
}

/** Runs code in a plain Node beside the bundle; `require('./index.js')` is the bundle. */
const runIn = (bundleFolder: string, code: string): string =>
  execFileSync(process.execPath, ['--enable-source-maps', '-e', code], {
    cwd: bundleFolder,
    env: { NODE_PATH: projectModules },
    encoding: 'utf8',
  });

test('a bundle runs by itself: no TypeScript, no node_modules, the definition beside it', async () => {
  const code = `import { TidemarkError } from '${errorsFile}';
    export async function handler(event: { n: number }) { return { n: event.n + 1, e: new TidemarkError('UsageWrong', 'x').name }; }`;
  const bundles = await bundleFunctions({
    outDir,
    definitionFile,
    entries: { first: await entry('first', code), second: await entry('second', code) },
  });
  expect(bundles).toEqual({
    first: { folder: join(outDir, 'first'), handler: 'index.handler' },
    second: { folder: join(outDir, 'second'), handler: 'index.handler' },
  });
  expect((await readdir(outDir)).sort()).toEqual(['first', 'second']);
  expect((await readdir(bundles.first.folder)).sort()).toEqual([
    'index.js',
    'index.js.map',
    'package.json',
    'tidemark.yaml',
  ]);
  expect(await readFile(join(bundles.first.folder, 'tidemark.yaml'), 'utf8')).toBe('name: shop\n');
  const said = runIn(
    bundles.first.folder,
    `require('./index.js').handler({n: 1}).then((r) => console.log(JSON.stringify(r)))`,
  );
  expect(JSON.parse(said)).toEqual({ n: 2, e: 'UsageWrong' });
});

test('relative paths are the caller’s, not the project’s', async () => {
  const here = (path: string) => relative(process.cwd(), path);
  const { fn } = await bundleFunctions({
    outDir: here(outDir),
    definitionFile: here(definitionFile),
    entries: { fn: here(await entry('fn', 'export const handler = () => 1;')) },
  });
  expect(fn.folder).toBe(join(outDir, 'fn'));
  expect(await readdir(fn.folder)).toContain('index.js');
});

test('class names survive, and stack traces name the TypeScript', async () => {
  const code = `
    class NoSuchThing extends Error {}
    export const handler = async () => {
      const wrong = new NoSuchThing('x');
      return [wrong.constructor.name, wrong.stack];
    };`;
  const { fn } = await bundleFunctions({ outDir, definitionFile, entries: { fn: await entry('fn', code) } });
  const said = runIn(fn.folder, `require('./index.js').handler().then((r) => console.log(r.join('\\n')))`);
  expect(said).toContain('NoSuchThing');
  expect(said).toMatch(/fn\.ts:4:/);
});

test('native modules stay outside and are found by NODE_PATH; the AWS SDK goes in', async () => {
  const code = `
    import { S3Client } from '${projectModules}/@aws-sdk/client-s3';
    import pg from '${projectModules}/pg';
    import snappy from 'snappy';
    export const handler = async () => [typeof S3Client, typeof pg.Client, snappy.compressSync('aaaa').length];`;
  const { fn } = await bundleFunctions({ outDir, definitionFile, entries: { fn: await entry('fn', code) } });
  const bundle = await readFile(join(fn.folder, 'index.js'), 'utf8');
  expect(bundle).toContain('require("snappy")');
  expect(bundle).not.toMatch(/= (__toESM\()?require\("(@aws-sdk|@smithy|pg")/);
  const said = runIn(
    fn.folder,
    `require('./index.js').handler().then((r) => console.log(JSON.stringify(r)))`,
  );
  expect(JSON.parse(said).slice(0, 2)).toEqual(['function', 'function']);
});

test('bundling again replaces, and sweeps what a killed call left', async () => {
  const entries = { fn: await entry('fn', `export const handler = () => 'old';`) };
  const { fn } = await bundleFunctions({ outDir, definitionFile, entries });
  await mkdir(join(outDir, '.bundling-dead', 'new'), { recursive: true });
  await writeFile(join(fn.folder, 'stray.txt'), 'x');
  await entry('fn', `export const handler = () => 'new';`);
  await bundleFunctions({ outDir, definitionFile, entries });
  expect(await readdir(outDir)).toEqual(['fn']);
  expect(await readdir(fn.folder)).not.toContain('stray.txt');
  expect(runIn(fn.folder, `console.log(require('./index.js').handler())`)).toBe('new\n');
});

test('what does not build is an error that names the place, and leaves the old bundle', async () => {
  const entries = { fn: await entry('fn', `export const handler = () => 'old';`) };
  const { fn } = await bundleFunctions({ outDir, definitionFile, entries });
  await entry('fn', `export const handler = () => import.meta.url;`);
  await expect(bundleFunctions({ outDir, definitionFile, entries })).rejects.toMatchObject({
    name: 'CloudBroken',
    message: expect.stringContaining('fn.ts:1'),
  });
  await entry('fn', `export const handler = (`);
  await expect(bundleFunctions({ outDir, definitionFile, entries })).rejects.toMatchObject({
    name: 'CloudBroken',
  });
  expect(await readdir(outDir)).toEqual(['fn']);
  expect(runIn(fn.folder, `console.log(require('./index.js').handler())`)).toBe('old\n');
});

test('a missing definition says where it was looked for', async () => {
  const entries = { fn: await entry('fn', `export const handler = () => 1;`) };
  const missing = join(folder, 'nothing.yaml');
  await expect(bundleFunctions({ outDir, definitionFile: missing, entries })).rejects.toMatchObject({
    name: 'DefinitionMissing',
    message: expect.stringContaining(missing),
  });
});

test('a bundle says nothing of where it was made', async () => {
  const sync = bundleFunctionsSync({ definitionFile, outDir: join(folder, 'elsewhere') });
  const text = await readFile(join(sync.publish.folder, 'index.js'), 'utf8');
  const map = JSON.parse(await readFile(join(sync.publish.folder, 'index.js.map'), 'utf8'));
  const project = fileURLToPath(new URL('../..', import.meta.url));
  for (const place of [project, folder]) expect(text.includes(place)).toBe(false);
  expect(map.sources).toContain('../core/publish/publish-run.ts');
  expect(map.sources.filter((source: string) => source.startsWith('/'))).toEqual([]);
}, 300_000);
