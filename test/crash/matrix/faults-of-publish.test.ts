/** Publish with every fault at every call; and a part of all the cases once more on the embedded S3 and DynamoDB. */
import { expect, test } from 'vitest';
import { newTally } from './audit.ts';
import { memoryCloud } from './cloud.ts';
import { embeddedCloud } from './embedded-cloud.ts';
import { faultCases, runFaultCases } from './fault-cases.ts';
import { say, spotless } from './report.ts';
import { stagesOfRun } from './stages.ts';

test('whatever goes wrong in Publish, every row is published once, and readers see whole snapshots', async () => {
  const cloud = await memoryCloud();
  const tally = newTally();
  const cases = faultCases(await stagesOfRun(cloud)).filter(({ stage }) => stage.name === 'publish');
  expect(cases.length).toBeGreaterThan(500);
  const wrong = await runFaultCases(cases, tally);
  await cloud.stop();
  say('faults in Publish', tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}, 1_200_000);

/** Another part of the cases each time that the enumeration changes; prime, so that it goes through all ways. */
const every = 31;

test('a part of the faults on the embedded S3 and DynamoDB', async () => {
  const cloud = await embeddedCloud();
  const tally = newTally();
  const cases = faultCases(await stagesOfRun(cloud)).filter((_, i) => i % every === 0);
  expect(cases.length).toBeGreaterThan(40);
  const wrong = await runFaultCases(cases, tally);
  await cloud.stop();
  say('faults, on the embedded S3 and DynamoDB', tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}, 1_200_000);
