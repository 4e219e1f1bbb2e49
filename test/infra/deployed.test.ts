/** What is deployed, run on the embedded cloud: its roles allow every call that it makes, and nothing that it does not. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SyncPipeline } from '../../infra/sync-pipeline.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { asksOf, type Seen } from './aws-requests.ts';
import { type DeployedWorld, definitionIn, deployLocally } from './deployed-world.ts';
import { type Ask, grantsOf, isAllowed, statementsOf } from './iam.ts';
import type { Disturb, Disturbance } from './recording-proxy.ts';
import { type Synthesized, synthesized, testApp } from './template.ts';

const secretArn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:shop-AbCdEf';
const definition = `
name: shop
source:
  type: postgres
  url: \${DATABASE_URL}
  secret: ${secretArn}
tables: [public.orders, public.customers]
target: { url: s3://lake/raw/shop }
retry: { kind: fixed, attempts: 1, interval_seconds: 1 }
`;

const published = { status: 'SUCCEEDED', output: { status: 'published', rows: 1010 } };

let folder: string;
let stack: Synthesized;
let postgres: TestPostgres;
let world: DeployedWorld;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-deployed-test-'));
  await writeFile(join(folder, 'shop.yaml'), definition);
  const scope = new Stack(testApp(join(folder, 'cdk.out')), 'shop');
  new SyncPipeline(scope, 'Sync', { definitionFile: join(folder, 'shop.yaml'), environment: {} });
  stack = synthesized(scope);
  postgres = await testPostgres();
  await postgres.sql(`CREATE TABLE orders (id int PRIMARY KEY, note text);
    INSERT INTO orders SELECT n, 'order ' || n FROM generate_series(1, 1000) n`);
  await makeCustomers();
  const secret = new URL(postgres.url);
  secret.searchParams.set('sslmode', 'disable');
  world = await deployLocally(stack, {
    bucket: 'lake',
    ledger: 'tidemark-shop',
    secretArn,
    secret: secret.href,
  });
}, 300_000);

afterAll(async () => {
  await world?.stop();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

const makeCustomers = () =>
  postgres.sql(`CREATE TABLE customers (id int PRIMARY KEY, name text);
    INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 10) n`);

/** By the name that the recorder knows somebody by. */
const roles: Readonly<Record<string, string>> = {
  'tidemark-shop-plan': 'PlanRole',
  'tidemark-shop-copy-chunk': 'CopyChunkRole',
  'tidemark-shop-publish': 'PublishRole',
  local: 'MachineRole',
};

const statementsFor = (who: string) => {
  const [id] = stack.ofType('AWS::IAM::Role').find(([each]) => each.startsWith(`Sync${roles[who]}`))!;
  return statementsOf(stack, id);
};

const asked = (): (Ask & { who: string })[] =>
  world.seen().flatMap((seen) => asksOf(seen).map((ask) => ({ ...ask, who: seen.who })));

test('the definition in a function’s asset is, byte for byte, the file that runs on the laptop', async () => {
  const local = await readFile(join(folder, 'shop.yaml'));
  for (const name of Object.keys(roles).filter((each) => each !== 'local')) {
    expect((await definitionIn(stack, name)).equals(local)).toBe(true);
  }
});

test('a run with the deployed code, environment, state machine and secret is published', async () => {
  expect(await world.run()).toMatchObject(published);
}, 300_000);

/** Those of a function's requests for which this holds, each just once. */
function once(how: Disturbance, when: (seen: Omit<Seen, 'status'>) => boolean): Disturb {
  const done = new Set<string>();
  return (seen) => {
    const name = `${seen.who} ${seen.method} ${seen.url} ${seen.body}`;
    if (done.has(name) || !when(seen)) return null;
    done.add(name);
    return how;
  };
}

const isCopy = ({ who, headers }: Omit<Seen, 'status'>): boolean =>
  who === 'tidemark-shop-copy-chunk' && 'x-amz-copy-source' in headers;

test('Publish renames what functions left behind that died after their commits', async () => {
  world.disturb((seen) => (isCopy(seen) ? 'unavailable' : null));
  expect(await world.run()).toMatchObject(published);
  world.disturb(() => null);
}, 300_000);

test('answers that got lost, conflicts, and attempts that are repeated', async () => {
  const isCommit = ({ headers, body }: Omit<Seen, 'status'>) =>
    String(headers['x-amz-target']).endsWith('.PutItem') && body.includes('CHUNK#');
  world.disturb(once('lost', (seen) => isCopy(seen) || isCommit(seen)));
  expect(await world.run()).toMatchObject(published);
  world.disturb(once('conflict', isCopy));
  expect(await world.run()).toMatchObject(published);
  const isDelete = ({ who, url }: Omit<Seen, 'status'>) =>
    who === 'tidemark-shop-copy-chunk' && url.includes('?delete');
  let deletes = 0;
  // as often as the client tries for two chunks: the children fail, and are tried again
  world.disturb((seen) => (isDelete(seen) && deletes++ < 10 ? 'lost' : null));
  expect(await world.run()).toMatchObject(published);
  world.disturb(() => null);
}, 300_000);

test('Plan rolls pointers forward that somebody has deleted', async () => {
  await world.deleteObjects('raw/shop/public.', /current\.json$|version-hint\.text$/);
  expect(await world.run()).toMatchObject(published);
  await world.deleteObjects('raw/shop/public.', /current\.json$|manifests/);
  expect(await world.run()).toMatchObject(published);
}, 300_000);

test('a failed run is redriven; the next ones adopt, skip and sweep', async () => {
  await postgres.sql('DROP TABLE customers');
  const failed = await world.start();
  expect(await world.ended(failed)).toMatchObject({
    status: 'FAILED',
    error: expect.stringContaining('RunIncomplete'),
  });
  await makeCustomers();
  await world.redrive(failed);
  expect(await world.ended(failed)).toMatchObject({ status: 'SUCCEEDED', output: { rows: 1010 } });

  // staging that a run before has left
  await world.putObject('raw/shop/_staging/shop/20200101T000000000Z/x');
  const first = await world.start();
  const second = await world.start();
  const ends = await Promise.all([world.ended(first), world.ended(second)]);
  expect(ends.map(({ output }) => output?.status).sort()).toEqual(['published', 'skipped']);
  const aborted = await world.start();
  await world.abort(aborted);
  expect(await world.run()).toMatchObject({ status: 'SUCCEEDED' });
}, 300_000);

test('every call that was made is allowed by the role of who made it', () => {
  expect(new Set(asked().map(({ who }) => who))).toEqual(new Set(Object.keys(roles)));
  const denied = asked().filter((ask) => !isAllowed(statementsFor(ask.who), ask));
  expect(denied).toEqual([]);
});

/** What no run of this test uses, and why it is granted all the same. */
const notSeenHere: Readonly<Record<string, string>> = {
  'xray:': 'Lambda and Step Functions write traces themselves',
  'logs:': 'Lambda and Step Functions write logs themselves',
  'lambda:InvokeFunction': 'the embedded Step Functions calls functions without HTTP',
  'states:StartExecution': 'so it starts children',
  'states:StopExecution': 'and stops them',
  'states:RedriveExecution': 'and redrives them',
  'states:DescribeExecution MachineRole': 'and watches them',
  's3:ListMultipartUploadParts MachineRole':
    'Step Functions writes large results in parts; the embedded one in one',
  's3:AbortMultipartUpload MachineRole': 'the same',
  's3:GetObject MachineRole': 'the same: it reads the results again to export them',
};

/** Grants whose absence would turn the message about something that somebody has deleted into one about rights. */
const forMessages = [
  'CopyChunkRole: s3:ListBucket on arn:aws:s3:::lake raw/shop/_runs/shop/*/tables/*',
  'PublishRole: s3:ListBucket on arn:aws:s3:::lake raw/shop/_runs/shop/*/results/*',
];

test('every grant is used by a call, or has its reason', () => {
  const calls = asked();
  const unused = Object.keys(roles).flatMap((who) =>
    grantsOf(statementsFor(who))
      .filter((grant) => !calls.some((ask) => ask.who === who && grant.asks(ask)))
      .filter(
        ({ action }) => !Object.keys(notSeenHere).some((each) => `${action} ${roles[who]}`.startsWith(each)),
      )
      .map(({ action, on }) => `${roles[who]}: ${action} on ${on}`),
  );
  expect(unused).toEqual(forMessages);
});
