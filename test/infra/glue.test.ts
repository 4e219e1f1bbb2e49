/** A sync whose tables stand in the Glue Data Catalog: what its roles may do there, and who may share a database. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SyncPipeline } from '../../infra/sync-pipeline.ts';
import { syncStacks } from '../../infra/sync-stacks.ts';
import { definitionFile, full, glued, least } from './definitions.ts';
import { statementsOf } from './iam.ts';
import { type Synthesized, synthesized, testApp } from './template.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-glue-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const inFolder = (text: string) => definitionFile(mkdtempSync(join(folder, 'definition-')), 'sync', text);

function deployed(...texts: readonly string[]): Synthesized[] {
  const app = testApp(mkdtempSync(join(folder, 'out-')));
  syncStacks(app, texts.map(inFolder), {});
  return app.node.children.flatMap((child) =>
    child instanceof Stack && !child.node.id.endsWith('-data') ? [synthesized(child)] : [],
  );
}

const roleOf = (stack: Synthesized, name: string): string =>
  stack.ofType('AWS::IAM::Role').find(([id]) => id.startsWith(`Sync${name}Role`))![0];

/** What a role may do in Glue, as lines. */
const inGlue = (stack: Synthesized, name: string): string[] =>
  statementsOf(stack, roleOf(stack, name))
    .filter(({ actions }) => actions.some((action) => action.startsWith('glue:')))
    .map(({ actions, resources }) => `${actions.join(' ')} on ${resources.join(' ')}`)
    .map((line) => line.replaceAll('arn:aws:glue:us-east-1:000000000000:', ''));

/** `full`'s tables in a database, and as many as these. */
const withTables = (count: number): string => {
  const names = Array.from({ length: count }, (_, n) => `schema${n % 2}.table_number_${n}`);
  return glued
    .replace('[public.orders, { name: sales.lines, as: order_lines }]', JSON.stringify(names))
    .replace('name: glued', `name: tables-${count}`);
};

describe('in Glue', () => {
  let stack: Synthesized;
  beforeAll(() => {
    [stack] = deployed(glued) as [Synthesized];
  }, 300_000);

  test('Plan reads the tables; Publish makes and changes them, and makes the database; nobody else does anything', () => {
    const tables = 'catalog database/lake table/lake/orders table/lake/order_lines';
    expect(inGlue(stack, 'Plan')).toEqual([`glue:GetTable on ${tables}`]);
    expect(inGlue(stack, 'Publish')).toEqual([
      `glue:GetTable glue:CreateTable glue:UpdateTable on ${tables}`,
      'glue:CreateDatabase on catalog database/lake',
    ]);
    for (const name of ['CopyChunk', 'Machine', 'Schedule']) expect(inGlue(stack, name)).toEqual([]);
  });

  test('and nothing more of the bucket than with any catalog', () => {
    const objects = (name: string, action: string, of = stack): string[] =>
      statementsOf(of, roleOf(of, name))
        .filter(({ actions }) => actions.includes(action))
        .flatMap(({ resources }) => resources)
        .map((resource) => resource.replace(/^arn:aws:s3:::(shop|glued)-lake\/raw\//, ''))
        .map((resource) => resource.replace('/glued/', '/shop/'));
    const [plain] = deployed(full) as [Synthesized];
    for (const role of ['Plan', 'Publish'])
      for (const action of ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'])
        expect(objects(role, action)).toEqual(objects(role, action, plain));
    expect(inGlue(plain, 'Plan')).toEqual([]);
    expect(inGlue(plain, 'Publish')).toEqual([]);
  }, 300_000);

  test('no stack owns the database: it may be there before, and others may share it', () => {
    expect(stack.ofType('AWS::Glue::Database')).toEqual([]);
  });

  test('functions without a way to the internet reach it by an endpoint', () => {
    const services = (of: Synthesized) =>
      of
        .ofType('AWS::EC2::VPCEndpoint')
        .filter(([, { Properties }]) => Properties.VpcEndpointType === 'Interface')
        .map(([, { Properties }]) => JSON.stringify(of.resolve(Properties.ServiceName)).split('.').at(-1));
    expect(services(stack)).toEqual(['states"', 'glue"']);
    const [other] = deployed(glued.replace(/, catalog: \{.*?\}/, '')) as [Synthesized];
    expect(services(other)).toEqual(['states"']);
  }, 300_000);
});

describe('tables in a role', () => {
  test.each([8, 12, 16, 20, 24, 200])(
    'IAM takes the roles of %i tables',
    (count) => {
      const [stack] = deployed(withTables(count)) as [Synthesized];
      const size = (value: unknown): number => JSON.stringify(stack.resolve(value ?? [])).length;
      const attached = stack.ofType('AWS::IAM::Policy');
      const sizes = stack
        .ofType('AWS::IAM::Role')
        .map(([id, { Properties }]) =>
          attached
            .filter(([, policy]) => JSON.stringify(policy.Properties.Roles).includes(`"${id}"`))
            .reduce(
              (sum, [, policy]) => sum + size(policy.Properties.PolicyDocument),
              size(Properties.Policies),
            ),
        );
      expect(Math.max(...sizes)).toBeLessThan(10_240);
      const [line] = inGlue(stack, 'Plan') as [string];
      expect(line).toMatch(count < 10 ? /table\/lake\/schema0_table_number_0 / : /table\/lake\//);
      if (count > 20) expect(line).toBe('glue:GetTable on catalog database/lake table/lake/*');
    },
    300_000,
  );

  test('found by patterns: all of the database, as their names are not known', () => {
    const tables = '[public.orders, "sales.line_?", { name: sales.lines, as: order_lines }]';
    const [stack] = deployed(
      glued.replace('[public.orders, { name: sales.lines, as: order_lines }]', tables),
    ) as [Synthesized];
    expect(inGlue(stack, 'Plan')).toEqual(['glue:GetTable on catalog database/lake table/lake/*']);
    const put = statementsOf(stack, roleOf(stack, 'CopyChunk'))
      .filter(({ actions }) => actions.includes('s3:PutObject'))
      .flatMap(({ resources }) => resources);
    expect(put.map((resource) => resource.replace('arn:aws:s3:::glued-lake/raw/', ''))).toEqual([
      '_staging/glued/*',
      ...['public.orders/data/*', 'sales.line_*/data/*', 'sales.lines/data/*'],
    ]);
  }, 300_000);

  test('cdk-nag knows the reason of a wildcard', () => {
    const app = testApp(mkdtempSync(join(folder, 'nag-')));
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    syncStacks(app, [inFolder(withTables(200))], {});
    expect(() => app.synth()).not.toThrow();
  }, 300_000);
});

describe('two syncs on one database', () => {
  const inDatabase = (name: string, tables: string): string =>
    least
      .replace('name: plain', `name: ${name}`)
      .replace('[orders]', tables)
      .replace('s3://plain-lake }', `s3://plain-lake/${name}, catalog: { type: glue, database: lake } }`);
  const refused = (...texts: readonly string[]): string => {
    try {
      deployed(...texts);
    } catch (error) {
      return (error as Error).message;
    }
    return 'they were taken';
  };

  test('are taken where each has its own tables', () => {
    expect(refused(inDatabase('one', '[orders]'), inDatabase('two', '[customers]'))).toBe('they were taken');
    const renamed = inDatabase('two', '[{ name: orders, as: orders_of_two }]');
    expect(refused(inDatabase('one', '[orders]'), renamed)).toBe('they were taken');
    const elsewhere = inDatabase('two', '[orders]').replace('database: lake', 'database: pond');
    expect(refused(inDatabase('one', '[orders]'), elsewhere)).toBe('they were taken');
  }, 300_000);

  test('are refused where they would write the same one', () => {
    expect(
      refused(inDatabase('one', '[orders]'), inDatabase('two', '[{ name: shop.orders, as: orders }]')),
    ).toMatch(
      /: target\.catalog: the table shop\.orders is lake\.orders in Glue, which both would write, and \S+tidemark\.yaml has it too; allowed: another name for it \(`as`\), or another database$/,
    );
    const app = testApp(mkdtempSync(join(folder, 'own-')));
    const make = (name: string) =>
      new SyncPipeline(new Stack(app, name), 'Sync', {
        definitionFile: inFolder(inDatabase(name, '[orders]')),
        environment: {},
      });
    make('one');
    expect(() => make('two')).toThrow('target.catalog: the table orders is lake.orders in Glue');
  }, 300_000);
});

describe('two syncs on one place, by patterns', () => {
  const inPlace = (name: string, tables: string, exclude = ''): string =>
    `${least.replace('name: plain', `name: ${name}`).replace('[orders]', tables)}${exclude && `exclude: ${exclude}\n`}`;
  const refused = (...texts: readonly string[]): string => {
    try {
      deployed(...texts);
    } catch (error) {
      return (error as Error).message;
    }
    return 'they were taken';
  };

  test.each([
    ['[public.*]', '', '[orders]', 'orders'],
    ['[public.*]', '', '[public.a*]', 'public.a\\*'],
    ['[public.a*]', '', '["*.*"]', 'public.a\\*'],
    ['[public.*]', '', '[public.*]', 'public.\\*'],
  ])(
    '%s%s and %s are refused: both would write %s',
    (one, exclude, other, shared) => {
      expect(refused(inPlace('one', one, exclude), inPlace('two', other))).toMatch(
        new RegExp(
          `^\\S+: target\\.url: ${shared} lies at s3://plain-lake/, where both would write it, and \\S+tidemark\\.yaml has it too; allowed: another prefix, or \`exclude:\` in one of them$`,
        ),
      );
    },
    300_000,
  );

  test('are taken where the one excludes what the other has, or they lie elsewhere', () => {
    const log = inPlace('two', '[public.log_*, public.big]');
    expect(refused(inPlace('one', '[public.*]', '[public.log_*, public.big]'), log)).toBe('they were taken');
    const elsewhere = log.replace('s3://plain-lake', 's3://plain-lake/two');
    expect(refused(inPlace('one', '[public.*]'), elsewhere)).toBe('they were taken');
  }, 300_000);
});

test('Glue’s endpoint for the REST protocol: the same rights, and to look at the catalog and the database', () => {
  const [stack] = deployed(
    glued.replace(
      /catalog: \{.*?\}/,
      'catalog: { type: rest, uri: "https://glue.eu-central-1.amazonaws.com/iceberg", namespace: lake, sign: { service: glue, region: eu-central-1 } }',
    ),
  ) as [Synthesized];
  const actionsOf = (role: string) =>
    inGlue(stack, role).flatMap((statement) => JSON.stringify(statement).match(/glue:\w+/g) ?? []);
  expect([...new Set(actionsOf('Plan'))].sort()).toEqual([
    'glue:GetCatalog',
    'glue:GetDatabase',
    'glue:GetTable',
  ]);
  expect([...new Set(actionsOf('Publish'))].sort()).toEqual([
    'glue:CreateDatabase',
    'glue:CreateTable',
    'glue:GetCatalog',
    'glue:GetDatabase',
    'glue:GetTable',
    'glue:UpdateTable',
  ]);
}, 300_000);

test('lists for readers without Iceberg: Plan rolls them forward, where they are asked for', () => {
  const [stack] = deployed(glued.replace('target: {', 'target: { manifests: [hive, redshift],')) as [
    Synthesized,
  ];
  const put = statementsOf(stack, roleOf(stack, 'Plan'))
    .filter(({ actions }) => actions.includes('s3:PutObject'))
    .flatMap(({ resources }) => resources);
  expect(put.filter((resource) => /symlink|redshift/.test(resource))).toHaveLength(4);
}, 300_000);
