/**
 * How a function becomes a bundle: one CommonJS file with everything in it, its source map, and the definition.
 * The laptop and the cloud run the same bundles, byte for byte, wherever the project is checked out.
 */
import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, buildSync, type OutputFile } from 'esbuild';
import { TidemarkError } from '../core/errors.ts';
import { definitionFileName } from './definition-file.ts';

/** The functions: each is `functions/<name>/index.ts`, which exports `handler`. */
export const functionNames = ['plan', 'copy-chunk', 'publish'] as const;

export type FunctionName = (typeof functionNames)[number];

/** What every function needs in its environment for stack traces that name our sources. */
export const functionEnvironment = { NODE_OPTIONS: '--enable-source-maps' } as const;

/**
 * The esbuild options of a function, all but where from and where to. The AWS SDK is bundled: the runtime's own
 * may be older than the S3 conditions that we rely on.
 */
export const bundleOptions = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  sourcemap: 'linked',
  // the library behind an error is known by its class name
  keepNames: true,
  // snappy is native: it is installed beside the bundle, not into it. pg asks for pg-native only if it is there.
  external: ['snappy', 'pg-native'],
  // import() of those becomes require(), which finds them by NODE_PATH wherever the bundle lies
  supported: { 'dynamic-import': false },
  // import.meta is empty in CommonJS: better no bundle than one that fails when it gets there
  logOverride: { 'empty-import-meta': 'error' },
  logLevel: 'silent',
} as const satisfies BuildOptions;

/** A function ready to run: `folder` (absolute) holds index.js, index.js.map, package.json and tidemark.yaml. */
export type Bundle = { readonly folder: string; readonly handler: 'index.handler' };

export type Bundles<Name extends string = FunctionName> = Readonly<Record<Name, Bundle>>;

const projectFolder = fileURLToPath(new URL('..', import.meta.url));

/** TypeScript in the project, JavaScript in the package that is made of it. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

const ourEntries = Object.fromEntries(
  functionNames.map((name) => [
    name,
    fileURLToPath(new URL(`./${name}/index.${extension}`, import.meta.url)),
  ]),
) as Record<FunctionName, string>;

export type BundleRequest<Name extends string> = {
  /** gets a folder per function; other things in it are left alone, save what an earlier, killed call left over */
  readonly outDir: string;
  /** the sync's definition; it travels in each bundle as `tidemark.yaml` */
  readonly definitionFile: string;
  /** name → TypeScript file that exports `handler` */
  readonly entries: Readonly<Record<Name, string>>;
};

/**
 * Bundles the functions into `<outDir>/<name>/`. A bundle is made elsewhere and moved into place when it is
 * whole: killed at any moment, this leaves old bundles, new ones or none under their names, never a half one.
 *
 * @throws DefinitionMissing, or CloudBroken when the code does not build or the disk refuses
 */
export async function bundleFunctions(
  request: Omit<BundleRequest<FunctionName>, 'entries'>,
): Promise<Bundles<FunctionName>>;
export async function bundleFunctions<Name extends string>(
  request: BundleRequest<Name>,
): Promise<Bundles<Name>>;
export async function bundleFunctions(
  request: Omit<BundleRequest<string>, 'entries'> & { readonly entries?: Readonly<Record<string, string>> },
): Promise<Bundles<string>> {
  const { definitionFile, entries = ourEntries } = request;
  const outDir = resolve(request.outDir);
  const workshop = join(outDir, `${workshopPrefix}${randomUUID()}`);
  try {
    await mkdir(outDir, { recursive: true });
    await sweepWorkshops(outDir);
    await mkdir(workshop);
    const names = Object.keys(entries);
    await buildAll(entries, join(workshop, 'new'));
    for (const name of names) copyDefinition(definitionFile, join(workshop, 'new', name));
    for (const name of names) {
      await replaceFolder(join(outDir, name), join(workshop, 'new', name), join(workshop, `old-${name}`));
    }
    return Object.fromEntries(
      names.map((name) => [name, { folder: join(outDir, name), handler: 'index.handler' }]),
    );
  } catch (cause) {
    throw bundlingError(cause, outDir);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

const workshopPrefix = '.bundling-';

/** One process works in an `outDir` at a time, so whatever stands here was left by one that was killed. */
async function sweepWorkshops(outDir: string): Promise<void> {
  const left = (await readdir(outDir)).filter((name) => name.startsWith(workshopPrefix));
  await Promise.all(left.map((name) => rm(join(outDir, name), { recursive: true, force: true })));
}

type Entries = Readonly<Record<string, string>>;

/**
 * Nothing in a bundle says where it was made: names in it are relative to the project, and its map names sources as
 * if they lay in a folder beside it.
 */
const buildRequest = (entries: Entries) =>
  ({
    ...bundleOptions,
    absWorkingDir: projectFolder,
    entryPoints: Object.entries(entries).map(([name, file]) => ({ in: resolve(file), out: `${name}/index` })),
    outdir: projectFolder,
    write: false,
  }) satisfies BuildOptions;

/** Builds every entry into `<folder>/<name>/`, with all that a function's folder holds but the definition. */
async function buildAll(entries: Entries, folder: string): Promise<void> {
  const { outputFiles } = await build(buildRequest(entries));
  await Promise.all(
    Object.keys(entries).map(async (name) => {
      await mkdir(join(folder, name), { recursive: true });
      for (const [file, content] of filesOf(outputFiles, name)) {
        await writeFile(join(folder, name, file), content);
      }
    }),
  );
}

function filesOf(outputs: readonly OutputFile[], name: string): [string, string | Uint8Array][] {
  const ours = outputs.filter(({ path }) => basename(dirname(path)) === name);
  return [
    ...ours.map(({ path, contents }): [string, Uint8Array] => [basename(path), contents]),
    ['package.json', '{"type":"commonjs"}\n'],
  ];
}

/** An app of many syncs builds once: what differs between them is the definition. */
let ourOutputs: readonly OutputFile[] | null = null;

/**
 * `bundleFunctions` for those who cannot wait, as the constructors of CDK: into `<outDir>/<name>/`, which must not
 * be there.
 *
 * @throws DefinitionMissing, or CloudBroken when the code does not build or the disk refuses
 */
export function bundleFunctionsSync(
  request: Omit<BundleRequest<FunctionName>, 'entries'>,
): Bundles<FunctionName> {
  const outDir = resolve(request.outDir);
  try {
    ourOutputs ??= buildSync(buildRequest(ourEntries)).outputFiles;
    const outputs = ourOutputs;
    const bundles = functionNames.map((name) => {
      const folder = join(outDir, name);
      mkdirSync(folder, { recursive: true });
      for (const [file, content] of filesOf(outputs, name)) writeFileSync(join(folder, file), content);
      copyDefinition(request.definitionFile, folder);
      return [name, { folder, handler: 'index.handler' }] as const;
    });
    return Object.fromEntries(bundles) as Bundles;
  } catch (cause) {
    throw bundlingError(cause, outDir);
  }
}

function copyDefinition(definitionFile: string, folder: string): void {
  try {
    copyFileSync(definitionFile, join(folder, definitionFileName));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new TidemarkError('DefinitionMissing', `There is no definition at ${definitionFile}.`, { cause });
  }
}

function bundlingError(cause: unknown, outDir: string): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TidemarkError('CloudBroken', `The functions cannot be bundled into ${outDir}: ${reason}`, {
    cause,
  });
}

/** rename(2) does not put a folder in the place of a full one, so the old one steps aside first. */
async function replaceFolder(place: string, fresh: string, aside: string): Promise<void> {
  try {
    await rename(place, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await rename(fresh, place);
}
