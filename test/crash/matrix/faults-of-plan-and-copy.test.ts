/** Plan and CopyChunk with every fault at every call; see fault-cases.ts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newTally } from './audit.ts';
import { type MatrixCloud, memoryCloud } from './cloud.ts';
import { commandsOfProduct } from './commands.ts';
import { faultCases, runFaultCases } from './fault-cases.ts';
import { say, spotless } from './report.ts';
import { kindOf, type Stage, stagesOfRun } from './stages.ts';
import { ways } from './ways.ts';

let cloud: MatrixCloud;
let stages: Stage[];
beforeAll(async () => {
  cloud = await memoryCloud();
  stages = await stagesOfRun(cloud);
});
afterAll(() => cloud.stop());

test('the enumeration meets every command that the product sends, each in at least nine ways', () => {
  const cases = faultCases(stages);
  const calls = stages.flatMap((stage) => stage.calls);
  expect([...new Set(calls.map(({ command }) => command))].sort()).toEqual(commandsOfProduct());
  for (const command of commandsOfProduct()) {
    const met = cases.filter(({ stage, at }) => stage.calls[at]!.command === command);
    expect(new Set(met.map(({ way }) => way.name)).size, command).toBeGreaterThanOrEqual(9);
  }
  for (const { name } of ways) {
    const met = cases.filter(({ way }) => way.name === name);
    expect(met.length, name).toBeGreaterThan(0);
  }
  // a call that is gone from the path, or a place that is not told apart any more, shows here
  expect([...new Set(calls.map(kindOf))].sort()).toEqual(
    [
      ...['CopyObject data', 'DeleteObjects staging', 'HeadObject data', 'PutObject staging'],
      ...['GetItem HEAD', 'GetItem RUN', 'GetItem TABLE', 'PutItem CHUNK', 'PutItem HEAD', 'PutItem RUN'],
      ...['GetObject description', 'GetObject manifest', 'GetObject pointer', 'GetObject table plan'],
      ...['ListObjectsV2 data', 'ListObjectsV2 staging', 'UpdateItem RUN', 'UpdateItem TABLE'],
      ...['PutObject manifest', 'PutObject plan', 'PutObject pointer', 'PutObject table plan'],
      ...['PutObject description', 'Query CHUNK'],
      ...['GetObject Iceberg manifest', 'GetObject hint', 'GetObject metadata', 'ListObjectsV2 metadata'],
      ...['PutObject Iceberg list', 'PutObject Iceberg manifest', 'PutObject hint', 'PutObject metadata'],
    ].sort(),
  );
  expect(calls.length).toBeGreaterThan(70);
  expect(cases.length).toBeGreaterThan(1300);
});

test('whatever goes wrong in Plan or CopyChunk, every row is published once', async () => {
  const tally = newTally();
  const cases = faultCases(stages).filter(({ stage }) => stage.name !== 'publish');
  const wrong = await runFaultCases(cases, tally);
  say('faults in Plan and CopyChunk', tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}, 1_200_000);
