import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Of } from '../../../core/objects/checksum.ts';
import { readFailures } from '../../../functions/publish/failures.ts';
import { type Embedded, startEmbedded } from '../../support/embedded.ts';

let embedded: Embedded;
beforeAll(async () => {
  embedded = await startEmbedded();
});
afterAll(() => embedded.close());

let folders = 0;

/** What ResultWriter leaves behind: a manifest, and a file for each list of failed children. Gives the manifest's key. */
async function results(...files: unknown[][]): Promise<string> {
  const at = `results-${++folders}/map-run`;
  const put = async (key: string, content: unknown) => {
    const body = Buffer.from(JSON.stringify(content));
    await embedded.store.put(key, body, sha256Of([body]), { mediaType: 'application/json' });
    return { Key: key, Size: body.length };
  };
  const FAILED = await Promise.all(files.map((children, i) => put(`${at}/FAILED_${i}.json`, children)));
  const manifest = {
    DestinationBucket: 'lake',
    MapRunArn: 'arn',
    ResultFiles: { FAILED, PENDING: [], SUCCEEDED: [] },
  };
  return (await put(`${at}/manifest.json`, manifest)).Key;
}

const order = (table: number, more: object = {}) =>
  JSON.stringify({ format: 1, sync: 's', run: 'r', table, ...more });
const lambdaCause = (errorType: string, errorMessage: string) =>
  JSON.stringify({ errorType, errorMessage, trace: ['at x'] });
const read = async (...files: unknown[][]) => [
  ...(await readFailures(embedded.store, await results(...files))),
];

test('a reason a table: the first of its children’s', async () => {
  const failed = (table: number, error: string, cause: string) => ({
    Input: order(table, { chunk: 3 }),
    Error: error,
    Cause: cause,
  });
  expect(
    await read(
      [
        failed(4, 'SourceUnavailable', lambdaCause('SourceUnavailable', 'db.example does not answer')),
        failed(1, 'TableDenied', lambdaCause('TableDenied', 'no SELECT on public.b')),
        failed(4, 'StoreUnavailable', lambdaCause('StoreUnavailable', 'later')),
      ],
      [failed(2, 'States.Timeout', ''), failed(1, 'TableDenied', 'again')],
    ),
  ).toEqual([
    [4, 'SourceUnavailable: db.example does not answer'],
    [1, 'TableDenied: no SELECT on public.b'],
    [2, 'States.Timeout: '],
  ]);
});

test('a table that could not be planned', async () => {
  const problem = { code: 'KeyMissing', message: 'table public.c has no primary key' };
  expect(
    await read([
      {
        Input: order(2, { problem }),
        Error: 'KeyMissing',
        Cause: lambdaCause('KeyMissing', problem.message),
      },
    ]),
  ).toEqual([[2, 'KeyMissing: table public.c has no primary key']]);
});

describe('what is not as Lambda writes it', () => {
  test.for([
    [
      'Step Functions’ own words',
      { Error: 'Lambda.Unknown', Cause: 'The sandbox died' },
      'Lambda.Unknown: The sandbox died',
    ],
    ['no cause', { Error: 'States.Timeout' }, 'States.Timeout: '],
    ['no error: it was aborted', {}, 'failed: '],
    ['JSON without a message', { Error: 'E', Cause: '{"a":1}' }, 'E: {"a":1}'],
    ['JSON that is no object', { Error: 'E', Cause: 'null' }, 'E: null'],
    ['a long one', { Error: 'E', Cause: 'x'.repeat(5000) }, `E: ${'x'.repeat(500)}`],
  ] as const)('%s', async ([, child, reason]) => {
    expect(await read([{ Input: order(0), ...child }])).toEqual([[0, reason]]);
  });

  test('a child without an input that names its table is passed over; the others count', async () => {
    const known = { Input: order(1), Error: 'E', Cause: 'c' };
    const unknown = [{}, { Input: 'not JSON' }, { Input: 'null' }, { Input: '{}' }, { Input: '"x"' }];
    expect(await read([...unknown, known])).toEqual([[1, 'E: c']]);
  });
});

test('no results: no Map ran, or its manifest is not there', async () => {
  expect([...(await readFailures(embedded.store, undefined))]).toEqual([]);
  expect([...(await readFailures(embedded.store, 'nowhere/manifest.json'))]).toEqual([]);
  expect(await read()).toEqual([]);
});
