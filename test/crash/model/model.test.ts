/**
 * The protocol, explored whole within small bounds: the product's own functions and conditions in every order, with
 * requests that repeat, get lost, come late. docs/design/model.md says what is in it and what is not.
 *
 * `TIDEMARK_MODEL=large` explores larger scenarios, too; `TIDEMARK_MODEL_FAULTS=1` gives each one fault more. Both take
 * long.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explore } from './explore.ts';
import { model, type Sabotage, type Scenario } from './protocol.ts';
import * as sabotages from './sabotages.ts';
import { largeScenarios, scenarios } from './scenarios.ts';
import { withoutChance } from './tabulate.ts';
import { tell } from './tell.ts';

const moreFaults = Number(process.env.TIDEMARK_MODEL_FAULTS ?? 0);
const isLarge = process.env.TIDEMARK_MODEL === 'large';
const isLong = moreFaults > 0 || isLarge;
const statesMax = isLong ? 8_000_000 : 1_000_000;
const minutes = isLong ? 60 : 5;

let withChance: () => void;
beforeAll(() => {
  withChance = withoutChance();
});
afterAll(() => withChance());

async function explored(scenario: Scenario, sabotage?: Sabotage) {
  const made = model(scenario, sabotage);
  const found = await explore(await made.space(statesMax));
  return { ...found, worlds: made.universe.worlds().length, points: made.code.points() };
}

describe('no invariant is violated, and every world can be gone on with:', () => {
  test.each(Object.entries(isLarge ? { ...scenarios, ...largeScenarios } : scenarios))(
    '%s',
    async (name, scenario) => {
      const before = process.cpuUsage();
      const { states, steps, depth, worlds, points, violation } = await explored({
        ...scenario,
        faultsMax: scenario.faultsMax + moreFaults,
      });
      const { user, system } = process.cpuUsage(before);
      const seconds = ((user + system) / 1e6).toFixed(1);
      console.log(
        `${name}: ${states} states, ${steps} steps, depth ${depth}, ${worlds} worlds, ${points} places in the code, ${seconds} s`,
      );
      expect(violation && tell(violation.fault, violation.trace)).toBeNull();
      // fewer would mean that something no longer takes place
      expect(states).toBeGreaterThan(1_000);
    },
    minutes * 60_000,
  );
});

describe('what breaks the protocol is found:', () => {
  const cases: readonly [string, Sabotage, keyof typeof scenarios & string, RegExp][] = [
    [
      'a part is committed without its condition',
      sabotages.partWithoutCondition,
      'two attempts on a chunk of one part, two faults',
      /was overwritten/,
    ],
    [
      'a staged file is deleted on a time-out',
      sabotages.stagedDeletedOnTimeOut,
      'two attempts on a chunk of one part, two faults',
      /^part 0 .* committed, and its file is nowhere/,
    ],
    [
      'a staged file is deleted before the copy is known',
      sabotages.stagedDeletedBeforeCopyIsKnown,
      'two attempts on a chunk of one part, two faults',
      /^part 0 .* committed, and its file is nowhere/,
    ],
    [
      'staging is swept while a table is incomplete',
      sabotages.stagingSweptWhileIncomplete,
      'two attempts on a chunk of two parts, and a publisher',
      /^part 0 .* committed, and its file is nowhere/,
    ],
    [
      'the head is written without the claim',
      sabotages.headWithoutClaim,
      'an attempt of a run that another execution abandons',
      /moved the head, which .* has claimed/,
    ],
    [
      'the pointer is written before the head',
      sabotages.pointerBeforeHead,
      'two publishers of a run that is copied',
      /the pointer shows version 1, the head 0/,
    ],
    [
      'a snapshot is shown twice',
      sabotages.snapshotTwice,
      'two publishers of a run that is copied',
      /the head moved to the run .* that it showed already/,
    ],
    [
      'a table is claimed for an older run',
      sabotages.claimWithoutCondition,
      'two executions, the second starts afresh',
      /an older run has claimed the table again/,
    ],
    [
      'a run ends twice',
      sabotages.endWithoutCondition,
      'an attempt of a run that another execution abandons',
      /^run .* was .* and is .* now/,
    ],
    [
      'the sync’s head is moved from what was not seen',
      sabotages.syncHeadWithoutCondition,
      'a published table, two executions, the second starts afresh',
      /^the sync’s head went back/,
    ],
  ];

  test.each(cases)(
    '%s',
    async (_, sabotage, scenario, expected) => {
      const { violation } = await explored({ ...scenarios[scenario]!, goesOn: false }, sabotage);
      expect(violation?.fault).toMatch(expected);
      console.log(tell(violation!.fault, violation!.trace));
    },
    minutes * 60_000,
  );
});
