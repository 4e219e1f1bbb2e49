/** Old attempts that sleep at every call of every function, and wake up when others have gone on; see overlap-cases.ts. */
import { expect, test } from 'vitest';
import { newTally } from './audit.ts';
import { memoryCloud } from './cloud.ts';
import { runOverlapCases, sleeperCases } from './overlap-cases.ts';
import { say, spotless } from './report.ts';
import { stagesOfRun } from './stages.ts';

test('an old attempt that wakes up does no harm, whenever it fell asleep and whatever happened meanwhile', async () => {
  const cloud = await memoryCloud();
  const tally = newTally();
  const cases = sleeperCases(await stagesOfRun(cloud));
  expect(cases.length).toBeGreaterThan(750);
  const wrong = await runOverlapCases(cases, tally);
  await cloud.stop();
  say('old attempts that wake up', tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}, 1_200_000);
