/** What goes the short way, and what does not. That both ways come to the same: memory-s3.test.ts, memory-dynamodb.test.ts. */
import { expect, test } from 'vitest';
import { dynamodbLedger } from '../../../core/ledger/dynamodb.ts';
import { sha256Of } from '../../../core/objects/checksum.ts';
import { s3Store } from '../../../core/objects/s3.ts';
import { commandsOfProduct } from '../../crash/matrix/commands.ts';
import { emptyTable, perform } from '../memory-dynamodb/table.ts';
import { responseOf } from '../memory-dynamodb.ts';
import { memoryS3 } from '../memory-s3.ts';
import { errorAnswer, promptRetries } from '../sdk-faults.ts';
import { shortClient } from './short-client.ts';
import { shortDynamodb } from './short-dynamodb.ts';
import { shortS3 } from './short-s3.ts';

type Fault = (command: string, tries: number) => void;

/** Store and ledger, the commands that were carried, and those that the clients sent themselves. */
function clients(fault: Fault = () => {}) {
  const carried: string[] = [];
  let sentThemselves = 0;
  const strategy = () => ({
    ...promptRetries(3),
    acquireInitialRetryToken: () => {
      sentThemselves++;
      return promptRetries(3).acquireInitialRetryToken();
    },
  });
  const bucket = memoryS3({ bucket: 'lake' });
  const s3 = shortS3(
    async (request, call, tries) => {
      carried.push(call.command);
      fault(call.command, tries);
      return call.command === 'HeadObject' && tries === 2
        ? errorAnswer(call, 503, 'SlowDown').response
        : bucket.answer(request);
    },
    { retryStrategy: strategy() },
  );
  let table = emptyTable;
  const dynamodb = shortDynamodb(
    async (operation, call, tries) => {
      carried.push(call.command);
      fault(call.command, tries);
      const step = perform(table, operation);
      table = step.table;
      return responseOf(step.answer);
    },
    { retryStrategy: strategy() },
  );
  return {
    store: s3Store(s3, 'lake'),
    ledger: dynamodbLedger(dynamodb, 'ledger'),
    carried,
    sentThemselves: () => sentThemselves,
  };
}

const body = Buffer.from('one');
const put = { mediaType: 'text/plain', condition: { absent: true } } as const;
const lost = (): never => {
  throw Object.assign(new Error('lost'), { name: 'TimeoutError' });
};

test('each command that the product sends goes the short way where nothing goes wrong', async () => {
  const { store, ledger, carried, sentThemselves } = clients();
  await store.put('a', body, sha256Of([body]), put);
  await store.copyToAbsent('a', 'b', null);
  expect((await store.get('b'))!.body.toString()).toBe('one');
  expect(await store.head('b')).toMatchObject({ size: 3, sha256: sha256Of([body]) });
  for await (const { key } of store.list('')) expect(['a', 'b']).toContain(key);
  await store.delete(['a', 'b']);
  expect(await ledger.head('shop')).toBeNull();
  expect(await ledger.moveHead('shop', null, { run: 'R', execution: 'E' })).toBe(true);
  expect((await ledger.claimTable('shop', 'public.a', 'R')).claimedBy).toBe('R');
  expect(await ledger.tableHeads('shop')).toHaveLength(1);
  expect([...new Set(carried)].sort()).toEqual(commandsOfProduct());
  expect(sentThemselves()).toBe(0);
});

test('what goes wrong is the client’s own business, its first try included', async () => {
  const { store, ledger, carried, sentThemselves } = clients((_command, tries) => {
    if (tries === 1) lost();
  });
  expect(await ledger.head('shop')).toBeNull();
  expect(await store.put('a', body, sha256Of([body]), put)).toMatchObject({ outcome: 'written' });
  // lost, slowed down, answered
  expect(await store.head('a')).toMatchObject({ size: 3 });
  expect(carried).toEqual(['GetItem', 'GetItem', 'PutObject', 'PutObject', ...Array(3).fill('HeadObject')]);
  expect(sentThemselves()).toBe(3);
});

test('what the service refuses is read, and reported, by the client', async () => {
  const { store, sentThemselves } = clients();
  expect(await store.get('nothing')).toBeNull();
  await store.put('a', body, sha256Of([body]), put);
  expect(await store.put('a', body, sha256Of([body]), put)).toEqual({ outcome: 'conflict' });
  expect(sentThemselves()).toBe(2);
});

test('a field that nobody has thought of is missed aloud', async () => {
  const bucket = memoryS3({ bucket: 'lake' });
  const s3 = shortS3(async (request) => bucket.answer(request));
  await s3Store(s3, 'lake').put('a', body, sha256Of([body]), put);
  const { GetObjectCommand } = await import('@aws-sdk/client-s3');
  const found = await s3.send(new GetObjectCommand({ Bucket: 'lake', Key: 'a' }));
  expect(() => found.LastModified).toThrow('a short client of S3 gives no LastModified');
  // an input with a field more is the client's own
  const whole = await s3.send(new GetObjectCommand({ Bucket: 'lake', Key: 'a', Range: 'bytes=0-' }));
  expect(whole.LastModified).toBeInstanceOf(Date);
});

test('a request that is not as the client makes it does not pass', async () => {
  class AskCommand {
    readonly input = {};
  }
  const call = { service: 's', command: 'Ask', input: {} };
  const short = shortClient<string>(
    {
      service: 's',
      requestOf: () => ({ call, request: 'ours' }),
      outputOf: () => null,
      difference: (own, ours) => (own === ours ? null : `${own}, not ${ours}`),
    },
    async () => ({ statusCode: 500, headers: {} }),
  );
  await expect(
    short.send(new AskCommand(), async (options) => short.handle('theirs', options)),
  ).rejects.toThrow('Ask: the client’s own request differs: theirs, not ours');
});
