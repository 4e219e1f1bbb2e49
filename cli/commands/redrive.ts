import type { Definition } from '../../core/definition/options.ts';
import { TidemarkError } from '../../core/errors.ts';
import type { Run } from '../../core/ledger/ledger.ts';
import type { Cloud, Execution } from '../cloud.ts';
import { type Answer, type Context, note } from '../context.ts';
import { closeDisplay, displayFor } from '../display-choice.ts';
import { answerOf } from '../ending.ts';
import { exitCodes, shown } from '../errors.ts';
import { type Followed, follow, isAlive } from '../follow.ts';
import { again, runCommand, startingWords } from '../next-steps.ts';
import { partName } from '../progress.ts';
import { readDefinitionToRun } from '../read-definition.ts';
import { committedWords } from '../run-start.ts';
import { allParts } from '../sighting.ts';

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
  const { surroundings, home, definitionFile } = context;
  const definition = await readDefinitionToRun(context);
  note(context, startingWords(context));
  const cloud = await surroundings.openCloud({
    home,
    definition,
    definitionFile,
    mode: 'run',
    environment: surroundings.environment,
  });
  try {
    const sync = definition.name;
    const runs = id === null ? await cloud.ledger.runs(sync, runsSearched) : [await findRun(cloud, sync, id)];
    const run = runs.find(({ status }) => status === 'running');
    if (!run) return nothingToDo(sync, runs[0] ?? null, context);
    return await redriveRun(context, definition, cloud, run);
  } finally {
    await cloud.close();
  }
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
  sync: string,
  run: Run,
  code: string,
  message: string,
  next: string,
  exitCode: number,
): Answer {
  return {
    exitCode,
    document: { command: 'redrive', outcome: 'refused', sync, run: run.run },
    lines: () => [],
    error: shown(code, message, next),
  };
}

async function redriveRun(context: Context, definition: Definition, cloud: Cloud, run: Run): Promise<Answer> {
  const { surroundings } = context;
  const sync = definition.name;
  const arn = (await cloud.ledger.head(sync))?.execution ?? run.executions.at(-1)!;
  const execution: Execution | null = await cloud.execution(arn);
  if (execution && isAlive(execution)) {
    return refused(
      sync,
      run,
      'Skipped',
      `an execution works on run ${run.run} of ${sync}`,
      `\`${again(context, 'status')}\` shows how far it is.`,
      exitCodes.busy,
    );
  }
  if (!execution || execution.status === 'SUCCEEDED') {
    return refused(
      sync,
      run,
      'NotRedrivable',
      execution
        ? `the last execution of run ${run.run} succeeded without ending the run`
        : `Step Functions does not know the last execution of run ${run.run} any more`,
      `\`${runCommand(context)}\` adopts the run with a new execution: what is committed counts.`,
      exitCodes.incomplete,
    );
  }
  const parts = await allParts(cloud, sync, run.run);
  const before = new Set(parts.map(partName));
  const display = displayFor(context);
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
      onRun: ({ run: found }) => display.note(`redriving run ${found}: ${committedWords(parts)}`),
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
    began: 'redriven',
    abandoned: null,
    before,
    counts: null,
  });
}
