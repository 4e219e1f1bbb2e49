import { fingerprint } from '../../core/definition/fingerprint.ts';
import type { Definition } from '../../core/definition/options.ts';
import { type ErrorCode, TidemarkError } from '../../core/errors.ts';
import type { Run } from '../../core/ledger/ledger.ts';
import type { Cloud, Execution } from '../cloud.ts';
import { type Answer, type Context, note } from '../context.ts';
import { closeDisplay, displayFor } from '../display-choice.ts';
import { answerOf } from '../ending.ts';
import { exitCodes, shown } from '../errors.ts';
import { executionWords, isAlive } from '../executions.ts';
import { type Followed, follow } from '../follow.ts';
import { again, nextStepHere, startingWords } from '../next-steps.ts';
import { partName } from '../progress.ts';
import { readDefinitionToRun } from '../read-definition.ts';
import { changeLines, committedWords, type RunBeginning } from '../run-start.ts';
import { allParts } from '../sighting.ts';
import { withCloud } from '../with-cloud.ts';

/** How many of the newest runs are searched for an unfinished one; only the newest can be unfinished. */
const runsSearched = 20;

/** @throws TidemarkError RunUnknown */
export async function findRun(cloud: Cloud, sync: string, id: string): Promise<Run> {
  const found = await cloud.ledger.run(sync, id);
  if (found) return found;
  throw new TidemarkError('RunUnknown', `sync ${sync} has no run ${id}`);
}

/** Redrives the last execution of a run and watches it to the end. */
export async function redrive(context: Context, id: string | null): Promise<Answer> {
  const definition = await readDefinitionToRun(context);
  note(context, startingWords(context, definition.name));
  return withCloud(context, definition, 'run', async (cloud) => {
    const sync = definition.name;
    const runs = id === null ? await cloud.ledger.runs(sync, runsSearched) : [await findRun(cloud, sync, id)];
    const run = runs.find(({ status }) => status === 'running');
    return run ? redriveRun(context, definition, cloud, run) : nothingToDo(sync, runs[0] ?? null, context);
  });
}

function nothingToDo(sync: string, run: Run | null, context: Context): Answer {
  const line = run
    ? `nothing to do: run ${run.run} of ${sync} is ${run.status}`
    : `nothing to do: sync ${sync} has no run yet; \`${again(context, 'run')}\` starts one`;
  return {
    exitCode: exitCodes.done,
    document: { command: 'redrive', outcome: 'nothing-to-do', sync, run: run?.run ?? null },
    lines: () => [line],
  };
}

function refused(
  context: Context,
  run: Run,
  code: ErrorCode,
  message: string,
  exitCode: number,
  next = nextStepHere(context, code),
): Answer {
  return {
    exitCode,
    document: { command: 'redrive', outcome: 'refused', sync: run.sync, run: run.run },
    lines: () => [],
    error: shown(code, message, next),
  };
}

/** Plan would abandon the run, and copy everything into a new one: here by this file, on AWS by the deployed one. */
function refusedForDefinition(context: Context, { keeper }: Cloud, run: Run, arn: string): Answer {
  const { definitionFile } = context;
  const code = 'DefinitionChanged';
  if (keeper.kind === 'machine') {
    const message = `the definition ${definitionFile} has changed since run ${run.run} of ${run.sync} began`;
    return refused(context, run, code, message, exitCodes.wrong);
  }
  const message = `run ${run.run} of ${run.sync} began with another definition than ${definitionFile}; if the deployed one has changed, too, a redrive would abandon the run`;
  const page = keeper.console(arn);
  const next = `Name the file that the run began with (--config). Or, where the deployed definition is still the run’s, redrive it in the console${page ? `: ${page}` : ''}`;
  return refused(context, run, code, message, exitCodes.wrong, next);
}

async function redriveRun(context: Context, definition: Definition, cloud: Cloud, run: Run): Promise<Answer> {
  const { surroundings } = context;
  const { sync } = run;
  const arn = (await cloud.ledger.head(sync))?.execution ?? run.executions.at(-1)!;
  const execution: Execution | null = await cloud.execution(arn);
  if (execution && isAlive(execution)) {
    const who = executionWords(arn, execution);
    const message = `an execution works on run ${run.run} of ${sync}: ${who}`;
    return refused(context, run, 'Skipped', message, exitCodes.busy);
  }
  if (run.fingerprint !== fingerprint(definition)) {
    return refusedForDefinition(context, cloud, run, arn);
  }
  if (!execution || execution.status === 'SUCCEEDED') {
    const message = execution
      ? `the last execution of run ${run.run} succeeded without ending the run`
      : `Step Functions does not know the last execution of run ${run.run} any more`;
    return refused(context, run, 'NotRedrivable', message, exitCodes.incomplete);
  }
  const parts = await allParts(cloud, sync, run.run);
  const before = new Set(parts.map(partName));
  const display = displayFor(context);
  let began: RunBeginning = 'redriven';
  let abandoned: string | null = null;
  let followed: Followed;
  try {
    followed = await follow({
      cloud,
      sync,
      display,
      surroundings,
      before,
      begin: async () => {
        await cloud.redrive(arn);
        return { arn, redriveCount: execution.redriveCount };
      },
      onRun: (found) => {
        if (found.run === run.run) {
          display.note(`redriving run ${found.run}: ${committedWords(parts)}`);
          return;
        }
        // another definition was deployed meanwhile
        began = 'new';
        abandoned = run.run;
        before.clear();
        for (const line of changeLines(run, found)) display.note(line);
      },
    });
  } finally {
    closeDisplay(context, display);
  }
  return answerOf({
    command: 'redrive',
    context,
    definition,
    cloud,
    followed,
    began,
    abandoned,
    before,
    counts: null,
  });
}
