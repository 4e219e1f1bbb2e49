import { setTimeout as sleep } from 'node:timers/promises';
import type { Definition } from '../core/definition/options.ts';
import type { Cloud } from './cloud.ts';
import { type Context, note } from './context.ts';
import type { CloudRequest } from './surroundings.ts';

const lookMs = 500;

/** Opens the sync's cloud for as long as `work` takes. @throws TidemarkError of `Surroundings.openCloud`, and of `work` */
export async function withCloud<T>(
  context: Context,
  definition: Definition,
  mode: CloudRequest['mode'],
  work: (cloud: Cloud) => Promise<T>,
): Promise<T> {
  const { surroundings, home, definitionFile } = context;
  const { environment } = surroundings;
  const where = context.cloud;
  const cloud = await surroundings.openCloud({ where, home, definition, definitionFile, mode, environment });
  try {
    const answer = await work(cloud);
    await untilAlone(context, cloud);
    return answer;
  } finally {
    await cloud.close();
  }
}

/** The servers are this process's: another process's run on them would end with it. */
async function untilAlone(context: Context, { keeper }: Cloud): Promise<void> {
  if (keeper.kind === 'cloud' || !(await keeper.othersAtWork())) return;
  note(
    context,
    'done; another process works on these servers: they stay until it is done, too (Ctrl-C ends them now)',
  );
  while (await keeper.othersAtWork()) await sleep(lookMs);
}
