/** The repository's own rules. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString()
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const sources = files.filter((file) => /\.(ts|js|mjs)$/.test(file));
const text = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The files of this repository that a file imports, and the packages. */
function importsOf(file: string): { ours: string[]; packages: string[] } {
  const statement =
    /^(?:import|export)\b[^;'`]*?\bfrom\s*'([^']+)'|^import\s*'([^']+)'|\bimport\('([^']+)'\)/gm;
  const specifiers = [...text(file).matchAll(statement)].map((match) => (match[1] ?? match[2] ?? match[3])!);
  return {
    ours: specifiers
      .filter((name) => name.startsWith('.'))
      .map((name) => normalize(join(dirname(file), name))),
    packages: specifiers.filter((name) => !name.startsWith('.')),
  };
}

/** Folder → the folders whose files it may import, besides its own. The longest match counts. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'core/errors.ts': [],
  'core/aws-denials.ts': [],
  'core/format-version.ts': ['core/errors.ts'],
  'core/parallel.ts': [],
  'core/padded-number.ts': [],
  'core/nearest.ts': [],
  // parts: they know the vocabulary (columns, names, errors), not each other
  'core/definition': ['core/errors.ts', 'core/nearest.ts', 'core/sources/source.ts'],
  'core/formats': ['core/errors.ts'],
  'core/sources': [
    'core/errors.ts',
    'core/formats/column.ts',
    'core/nearest.ts',
    'core/definition/table-name.ts',
  ],
  'core/objects': ['core/errors.ts', 'core/padded-number.ts', 'core/sources/source.ts'],
  'core/ledger': [
    'core/aws-denials.ts',
    'core/errors.ts',
    'core/format-version.ts',
    'core/padded-number.ts',
    'core/formats/column.ts',
    'core/formats/file-statistics.ts',
    'core/formats/partition/partition.ts',
  ],
  // stages use parts; a later stage may use what an earlier one defines
  'core/plan': ['core'],
  'core/copy': ['core'],
  'core/publish': ['core'],
  functions: ['core'],
  // it names the files of functions and what they need; their logic is not its business
  infra: [
    'core/definition',
    'core/errors.ts',
    'core/objects/keys.ts',
    'functions/bundling.ts',
    'functions/definition-file.ts',
  ],
  local: ['core', 'functions', 'infra/state-machine.ts'],
  // dist: what `npm run build` makes of all this for those who install the package
  cli: ['core', 'functions', 'local', 'infra/names.ts', 'dist/cli'],
  bench: ['core', 'functions', 'local', 'cli', 'test/support'],
  test: [''],
};

/** plan → copy → publish, and never back. */
const stages = ['core/plan', 'core/copy', 'core/publish'];

const homeOf = (file: string): string | undefined =>
  Object.keys(allowed)
    .filter((place) => file === place || file.startsWith(`${place}/`))
    .sort((a, b) => b.length - a.length)[0];

describe('imports', () => {
  const inRooms = sources.filter((file) => homeOf(file) !== undefined);

  test('point inward only: cli → local → functions → core', () => {
    const wrong = inRooms.flatMap((file) => {
      const home = homeOf(file)!;
      const reach = [home, ...allowed[home]!];
      return importsOf(file)
        .ours.filter(
          (target) =>
            !reach.some((place) => place === '' || target === place || target.startsWith(`${place}/`)),
        )
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('of stages do not point back', () => {
    const wrong = stages.flatMap((stage, place) =>
      inRooms
        .filter((file) => file.startsWith(`${stage}/`))
        .flatMap((file) =>
          importsOf(file)
            .ours.filter((target) => stages.slice(place + 1).some((later) => target.startsWith(`${later}/`)))
            .map((target) => `${file} imports ${target}`),
        ),
    );
    expect(wrong).toEqual([]);
  });

  test('of the AWS SDK stay at the edges', () => {
    const edges = [
      'core/ledger/dynamodb.ts',
      'core/objects/s3.ts',
      'core/publish/catalogs/glue-catalog.ts',
      'core/publish/catalogs/signed-requests.ts',
      'functions/plan/executions.ts',
      'functions/source-credentials.ts',
      'cli/aws-cloud.ts',
      'cli/local-cloud.ts',
      'cli/child-watch.ts',
      'cli/state-machine.ts',
    ];
    const wrong = inRooms
      .filter((file) => !/^(local|test|bench)\//.test(file) && !edges.includes(file))
      .filter((file) => importsOf(file).packages.some((name) => name.startsWith('@aws-sdk/')));
    expect(wrong).toEqual([]);
  });

  test('name only dependencies that package.json pins exactly', () => {
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = JSON.parse(
      text('package.json'),
    );
    const pinned = { ...dependencies, ...devDependencies, ...optionalDependencies };
    expect(
      Object.values(pinned).filter((version) => !/^\d+\.\d+\.\d+([-.][\w.-]+)?$/.test(String(version))),
    ).toEqual([]);
    // peers are ranges for those who install the package; devDependencies pin what is tried here
    const runtime = { ...dependencies, ...optionalDependencies, ...peerDependencies };
    const wrong = sources.flatMap((file) =>
      importsOf(file)
        .packages.filter((name) => !name.startsWith('node:'))
        .map((name) =>
          name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/'),
        )
        // examples import this very package, as its users do
        .filter((name) => !(file.startsWith('examples/') && name === 'tidemark'))
        .filter((name) => !(name in (/^(core|functions|infra)\//.test(file) ? runtime : pinned)))
        .map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('files', () => {
  test('have names in kebab-case, and none says “utils”', () => {
    expect(sources.filter((file) => !file.split('/').every((part) => /^[a-z0-9.-]+$/.test(part)))).toEqual(
      [],
    );
    expect(sources.filter((file) => /(^|[/-])(utils?|helpers?|common|types|misc)[./-]/.test(file))).toEqual(
      [],
    );
  });

  test('are short enough to read at once', () => {
    expect(sources.filter((file) => text(file).split('\n').length > 500)).toEqual([]);
  });

  test('hold no `any`, no unfinished word, no switched-off check', () => {
    const wrong = sources
      .filter((file) => file !== 'test/tidy.test.ts')
      .flatMap((file) =>
        text(file)
          .split('\n')
          .map((line, index) => ({ line, place: `${file}:${index + 1}` }))
          .filter(({ line }) =>
            /:\s*any\s*[;,)=[\]|>{}]|\bas any\b|<any>|@ts-(ignore|nocheck)|\bTODO\b|\bFIXME\b|\bXXX\b/.test(
              line,
            ),
          )
          .map(({ place }) => place),
      );
    expect(wrong).toEqual([]);
  });

  test('print nothing but through the command line, a function’s log or a benchmark', () => {
    const wrong = sources
      .filter((file) => /^(core|functions|infra|local)\//.test(file))
      .filter((file) => file !== 'functions/log.ts')
      .filter((file) => /\bconsole\.(log|info|debug)\(/.test(text(file)));
    expect(wrong).toEqual([]);
  });

  test('name no path of a developer’s machine and no registry', () => {
    const prose = files.filter((file) => /\.(ts|js|json|md|ya?ml|sh|svg)$|^\.ci\//.test(file));
    const wrong = prose
      .filter((file) => file !== 'test/tidy.test.ts' && file !== 'package-lock.json')
      .filter((file) => /\/work\/|\/home\/\w+\/|\/root\/|registry\.npmjs|\.\.\/shared/.test(text(file)));
    expect(wrong).toEqual([]);
    expect(text('package-lock.json')).not.toMatch(/"resolved"/);
  });
});

describe('the documents', () => {
  test('link only to what is there', () => {
    const wrong = files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...text(file).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
          .map((match) => match[1]!)
          .filter((link) => !/^[a-z]+:/.test(link))
          .filter((link) => !existsSync(join(root, dirname(file), link)))
          .map((link) => `${file} → ${link}`),
      );
    expect(wrong).toEqual([]);
  });
});
