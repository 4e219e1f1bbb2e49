/**
 * One seed: a sync that is run several times while faults of many kinds strike at once. The seed decides who goes next and
 * what goes wrong; the product's own functions do all the work, on its own clients. After every step everything is looked
 * at from outside. A seed gives the same trace each time.
 */
import { createHash } from 'node:crypto';
import { loadDefinition } from '../../../core/definition/load.ts';
import type { Definition } from '../../../core/definition/options.ts';
import { errorCodes, kindOf, TidemarkError } from '../../../core/errors.ts';
import type { Format } from '../../../core/formats/format.ts';
import { emptyTable } from '../../support/memory-dynamodb/table.ts';
import { memoryS3 } from '../../support/memory-s3.ts';
import { type Actor, type Calls, type Held, heldCalls } from './actors.ts';
import { type Dice, diceOf } from './dice.ts';
import { type StepFunctions, stepFunctions } from './executions.ts';
import { allFaults, type CallFault, type Fault } from './faults.ts';
import { type Invocations, invocations } from './functions.ts';
import { type LakeView, lakeView } from './lake-view.ts';
import { type LedgerView, ledgerView } from './ledger-view.ts';
import type { Cloud } from './sandboxes.ts';
import { type Database, database } from './source.ts';
import { Violation } from './violation.ts';

/** What Retry in infra/sync.asl.json names. */
const retried = new Set<string>([
  ...errorCodes.filter((code) => kindOf(code) === 'transient'),
  'Runtime.ExitError',
  'Sandbox.Timedout',
  'States.Timeout',
]);

export type Simulation = {
  readonly dice: Dice;
  readonly cloud: Cloud;
  readonly calls: Calls;
  readonly database: Database;
  readonly machine: StepFunctions;
  readonly functions: Invocations;
  readonly ledger: LedgerView;
  readonly lake: LakeView;
  /** what may go wrong in this seed, and how often something does */
  readonly enabled: ReadonlySet<Fault>;
  readonly faultRate: number;
  /** how likely it is that whoever acted last acts again */
  readonly stickiness: number;
  /** each with the same tables, under different fingerprints */
  readonly definitions: readonly Definition[];
  readonly counts: Map<Fault, number>;
  readonly trace: string[];
  /** requests that nobody waits for any more; they take effect at any time */
  readonly late: Held[];
  /** the one that is deployed */
  definition: Definition;
  nowMs: number;
  /** faults that may still strike in this round */
  budget: number;
  /** strikes the next call that it can befall, or one soon after */
  armed: CallFault | null;
  /** whose call was let through last */
  last: Actor | null;
  /** found outside of the checks that follow each step */
  violation: Violation | null;
};

/** Small enough to be through in some hundred steps, large enough for everything to happen. */
function definitionsOf(dice: Dice, tables: readonly string[]): Definition[] {
  const sizes = `
target: { url: s3://lake/p }
chunk: { rows: ${dice.between(3, 6)} }
part: { rows: ${dice.between(1, 3)} }`;
  const source = `source: { type: postgres, url: postgres://h/d, statement_rows: ${dice.between(1, 3)} }`;
  const load = (listed: string) =>
    loadDefinition(`name: s\n${source}\ntables: [${listed}]${sizes}`, 'tidemark.yaml', {});
  // another order changes the tables' places in the run: nothing of one run may go on in the other
  const other = tables.length > 1 ? [...tables].reverse().join(', ') : `{ name: ${tables[0]}, key: id }`;
  return [load(tables.join(', ')), load(other)];
}

/**
 * Functions may fail in ways that pass by themselves, or because a run is not complete. Where the run has ended meanwhile,
 * its files may be swept under an old attempt's feet: whatever that one says, nobody loses by it.
 */
function judge(actor: Actor, error: unknown, runs: ReadonlyMap<string, string>): Violation | null {
  const isKnown = error instanceof TidemarkError;
  if (isKnown && error.kind === 'transient') return null;
  if (isKnown && actor.run !== null && runs.get(actor.run) !== 'running') return null;
  if (isKnown && error.code === 'RunIncomplete' && !/(Violation|Invalid|Unexpected):/.test(error.message))
    return null;
  const said = error instanceof Error ? (isKnown ? `${error.code}: ${error.message}` : error.stack) : error;
  return new Violation('failure', `${actor.name} failed: ${said}`);
}

/** @param only the faults that may strike; by default a choice that the seed makes */
export function simulation(seed: number, format: Format, only: readonly Fault[] | null): Simulation {
  const dice = diceOf(seed);
  const tables = dice.chance(0.5) ? ['a'] : ['a', 'b'];
  const s3 = memoryS3({
    bucket: 'lake',
    etags: dice.chance(0.5) ? 'unique' : 'of-bytes',
    pageKeys: dice.pick([2, 1000]),
  });
  const cloud: Cloud = { s3, table: emptyTable };
  const calls = heldCalls();
  const source = database(tables, dice.between(3, 8), dice);
  const ledger = ledgerView();
  const definitions = definitionsOf(dice, tables);
  const chosen = allFaults.filter(() => dice.chance(0.6));
  const functions = invocations({
    cloud,
    calls,
    database: source,
    format,
    nowMs: () => made.nowMs,
    definition: () => made.definition,
    executions: () => made.machine.executions,
    character: () => ({
      skewMs: dice.between(-3000, 3000),
      limitMs: made.budget > 0 && dice.chance(0.35) ? dice.between(100, 1500) : 900_000,
    }),
    failed(actor, error) {
      made.trace.push(`      ${actor.name} failed: ${error}`);
      made.violation ??= judge(actor, error, ledger.runs);
    },
  });
  const lake = lakeView({ s3, ledger, database: source, reads: functions.reads });
  const made: Simulation = {
    dice,
    cloud,
    calls,
    database: source,
    machine: stepFunctions(functions, {
      retriesMax: dice.between(0, 3),
      concurrency: dice.between(1, 4),
      retried,
    }),
    functions,
    ledger,
    lake,
    enabled: new Set(only ?? chosen),
    faultRate: 1 / (only ? 8 : dice.pick([8, 20, 60])),
    stickiness: dice.pick([0, 0.5, 0.9]),
    definitions,
    counts: new Map(),
    trace: [],
    late: [],
    definition: definitions[0]!,
    nowMs: Date.UTC(2026, 0, 1),
    budget: 0,
    armed: null,
    last: null,
    violation: null,
  };
  return made;
}

export const digestOf = (trace: readonly string[]): string =>
  createHash('sha256').update(trace.join('\n')).digest('hex').slice(0, 16);
