/** Two attempts of one function, and two executions of one sync, at the same time; see overlap-cases.ts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newTally } from './audit.ts';
import { type MatrixCloud, memoryCloud } from './cloud.ts';
import { executionCases, inTurns, type OverlapCase, pairCases, runOverlapCases } from './overlap-cases.ts';
import { say, spotless } from './report.ts';
import { type Stage, stagesOfRun } from './stages.ts';

let cloud: MatrixCloud;
let stages: Stage[];
beforeAll(async () => {
  cloud = await memoryCloud();
  stages = await stagesOfRun(cloud);
});
afterAll(() => cloud.stop());

const stageOf = (name: string): Stage => stages.find((stage) => stage.name === name)!;

async function expectSpotless(kind: string, cases: readonly OverlapCase[], atLeast: number): Promise<void> {
  expect(cases.length).toBeGreaterThanOrEqual(atLeast);
  const tally = newTally();
  const wrong = await runOverlapCases(cases, tally);
  say(kind, tally);
  expect(wrong).toEqual([]);
  expect(tally).toEqual(spotless(tally));
}

test(
  'two attempts of one chunk, in every order of their calls up to two changes',
  () =>
    expectSpotless(
      'two attempts of one chunk at once',
      ['copy a0', 'copy b0'].flatMap((name) => pairCases(stageOf(name))),
      130,
    ),
  1_200_000,
);

test(
  'two attempts of each function, a call of each in turns',
  () =>
    expectSpotless(
      'two attempts of each function in turns',
      stages.flatMap((stage) => [0, 1, 2, 3, 4].map((ahead) => inTurns(stage, ahead))),
      25,
    ),
  1_200_000,
);

test(
  'two executions of one sync: one is skipped, or adopts rightly',
  () => expectSpotless('two executions of one sync at once', executionCases(stageOf('plan'), 3), 150),
  1_200_000,
);
