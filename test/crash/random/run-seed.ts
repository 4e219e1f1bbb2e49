/** A seed from its beginning to its end: rounds with faults, a last one without, and what must be left then. */
import { parquetFormat } from '../../../core/formats/parquet/parquet.ts';
import { giveBack, takeFrom } from './determinism.ts';
import type { Fault } from './faults.ts';
import { prepareSandboxes } from './sandboxes.ts';
import { act, isRunning, land, look, wake } from './schedule.ts';
import { digestOf, type Simulation, simulation } from './simulation.ts';
import { Violation } from './violation.ts';

export type SeedOutcome = {
  readonly seed: number;
  readonly steps: number;
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  readonly rowsCompared: number;
  readonly snapshots: number;
  readonly trace: readonly string[];
  /** of the trace */
  readonly digest: string;
  readonly violation: Violation | null;
};

const stepsMax = 20_000;
/** Once nothing goes wrong any more, so many starts and redrives are enough by far. */
const startsMax = 8;

const format = parquetFormat({ compression: 'none' });

/** Runs the sync until a new run is published; up to so many faults strike meanwhile. */
async function round(s: Simulation, faults: number): Promise<void> {
  const { dice, machine, ledger, database } = s;
  const before = ledger.run();
  s.budget = s.enabled.size > 0 ? faults : 0;
  s.armed = null;
  database.write(true);
  s.trace.push(`----- round, up to ${s.budget} faults`);
  machine.start(dice.chance(0.1));
  let starts = 0;
  let stalls = 0;
  for (let steps = 0; ; steps++) {
    await look(s);
    const run = ledger.run();
    const isAnyRunning = machine.executions.some(isRunning);
    const isPublished = run !== null && run !== before && ledger.runs.get(run) === 'published';
    if (isPublished && !isAnyRunning) break;
    if (steps > stepsMax) throw new Violation('stuck', `no end after ${stepsMax} steps`);
    if (!isAnyRunning && dice.chance(0.2)) goOn();
    else if (act(s)) stalls = 0;
    else if (!isAnyRunning) goOn();
    else if (stalls++ > 0) throw new Violation('stuck', 'an execution waits for nobody');
    else runIntoTimeLimits(s);
  }
  for (const [table, pointer] of s.lake.pointers) {
    if (pointer.runs[0] === ledger.run()) continue;
    throw new Violation('pointer', `${table} still shows ${pointer.runs}`);
  }

  /** Whoever runs the sync does what the messages say: a redrive, or a new start. */
  function goOn(): void {
    const last = machine.executions.at(-1)!;
    const ended = `${last.id}: ${last.status} ${last.outcome}`;
    if (s.budget === 0 && ++starts > startsMax) {
      throw new Violation('stuck', `not published after ${startsMax} starts without faults; ${ended}`);
    }
    const redrives = (last.status === 'FAILED' || last.status === 'ABORTED') && dice.chance(0.5);
    if (redrives) machine.redrive(last);
    else machine.start(false);
    s.trace.push(`      ${redrives ? 'redrive' : 'start'} after ${ended}`);
  }
}

/** All who could act are asleep: whoever waits for them hears that they took too long. */
function runIntoTimeLimits({ functions }: Simulation): void {
  for (const actor of functions.actors) if (actor.state === 'asleep') actor.giveUp('States.Timeout');
}

/** Everyone wakes up, everything lands, until nothing is under way any more. */
async function drain(s: Simulation): Promise<void> {
  s.budget = 0;
  s.armed = null;
  for (let steps = 0; ; steps++) {
    await look(s);
    if (!act(s) && !wake(s) && !land(s)) return;
    if (steps > stepsMax) throw new Violation('stuck', `no rest after ${stepsMax} steps`);
  }
}

/** What may be there when all is done: published files, those of the snapshot before, and nothing in staging. */
function checkRemains({ cloud, ledger, lake, definition }: Simulation): void {
  const keys = [...cloud.s3.objects.keys()];
  const staged = keys.filter((key) => key.includes('/_staging/'));
  if (staged.length > 0) throw new Violation('left over', `in staging: ${staged.join(', ')}`);
  for (const { name } of definition.tables) {
    const head = ledger.heads.get(`public.${name}`)!;
    const shown = new Set(lake.pointers.get(name)!.files.map(({ key }) => key));
    for (const key of keys.filter((one) => one.includes(`/public.${name}/data/`))) {
      const run = key.split('/').at(-2);
      if (run === head.run ? shown.has(key) : run === head.previousRun) continue;
      throw new Violation('left over', `${key} belongs to no snapshot`);
    }
  }
}

/** Runs one seed; never throws. @param only the faults that may strike, or null: as the seed has it */
export async function runSeed(seed: number, only: readonly Fault[] | null): Promise<SeedOutcome> {
  await prepareSandboxes();
  const s = simulation(seed, await format, only);
  takeFrom({
    seed,
    sleep: () => {
      const call = { service: 'timer', name: 'sleep', of: '', isWrite: false, isConditional: false } as const;
      return s.calls.hold(s.last!, call, () => undefined);
    },
  });
  let violation: Violation | null = null;
  try {
    const rounds = s.dice.between(2, 4);
    for (let n = 0; n < rounds; n++) await round(s, s.dice.between(1, 8));
    await drain(s);
    await round(s, 0);
    await drain(s);
    checkRemains(s);
  } catch (error) {
    violation =
      error instanceof Violation ? error : new Violation('failure', String((error as Error).stack ?? error));
    s.trace.push(`      ${violation.broken}: ${violation.message}`);
  } finally {
    s.functions.close();
    giveBack();
  }
  return {
    seed,
    steps: s.trace.length,
    faults: Object.fromEntries(s.counts),
    rowsCompared: s.lake.rowsCompared(),
    snapshots: [...s.lake.pointers.values()].reduce((sum, { version }) => sum + version, 0),
    trace: s.trace,
    digest: digestOf(s.trace),
    violation,
  };
}
