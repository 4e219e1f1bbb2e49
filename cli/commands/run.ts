import type { Definition } from '../../core/definition/options.ts';
import { sourceNamed } from '../../core/definition/source-named.ts';
import { openSources } from '../../core/sources/named-sources.ts';
import type { Cloud } from '../cloud.ts';
import { type Answer, type Context, note } from '../context.ts';
import { countTables, type FileCounter, openFileCounter, type TableCount } from '../counts.ts';
import { closeDisplay, displayFor } from '../display-choice.ts';
import { answerOf } from '../ending.ts';
import { type Followed, follow } from '../follow.ts';
import { startingWords } from '../next-steps.ts';
import { readDefinitionToRun } from '../read-definition.ts';
import { beginningLines, beginningOf, changeLines, committedBefore, formerRun } from '../run-start.ts';
import { withCloud } from '../with-cloud.ts';

const isPublished = ({ run }: Followed): boolean => run?.status === 'published';

/** Starts an execution and watches it to the end. */
export async function run(
  context: Context,
  options: { readonly fresh: boolean; readonly count: boolean },
): Promise<Answer> {
  const definition = await readDefinitionToRun(context);
  // before the copying: what is not installed is better known at once
  const counter = options.count ? await openFileCounter() : null;
  try {
    note(context, startingWords(context, definition.name));
    return await withCloud(context, definition, 'run', (cloud) =>
      runOn(context, definition, cloud, options.fresh, counter),
    );
  } finally {
    counter?.close();
  }
}

async function runOn(
  context: Context,
  definition: Definition,
  cloud: Cloud,
  fresh: boolean,
  counter: FileCounter | null,
): Promise<Answer> {
  const { surroundings } = context;
  const former = await formerRun(cloud, definition.name);
  let abandoned: string | null = null;
  const display = displayFor(context);
  // parts carry no run in their names here: which run it is shows only once the execution has found it
  const before = new Set<string>();
  let began: 'new' | 'adopted' = 'new';
  let followed: Followed;
  try {
    followed = await follow({
      cloud,
      sync: definition.name,
      display,
      surroundings,
      before,
      begin: async () => ({ arn: await cloud.start({ fresh }), redriveCount: null }),
      onRun: (found, left) => {
        began = beginningOf(former, found);
        if (left) abandoned = left.run;
        else if (former?.run.status === 'running' && began === 'new') abandoned = former.run.run;
        before.clear();
        for (const name of committedBefore(former, found)) before.add(name);
        const lines = left ? changeLines(left, found) : beginningLines(former, found, fresh);
        for (const line of lines) display.note(line);
      },
    });
  } finally {
    closeDisplay(context, display);
  }
  let counts: readonly TableCount[] | null = null;
  if (counter && isPublished(followed)) {
    note(context, 'counting, in the database and in the files');
    const sources = await openSources((name) => surroundings.openSource(sourceNamed(definition, name)));
    try {
      counts = await countTables(cloud, sources, counter, definition, followed.run!);
    } finally {
      await sources.close();
    }
  }
  return answerOf({
    command: 'run',
    context,
    definition,
    cloud,
    followed,
    began,
    abandoned,
    before,
    counts,
  });
}
