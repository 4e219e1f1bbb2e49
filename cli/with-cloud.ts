import type { Definition } from '../core/definition/options.ts';
import type { Cloud } from './cloud.ts';
import type { Context } from './context.ts';
import type { CloudRequest } from './surroundings.ts';

/** Opens the sync's cloud for as long as `work` takes. @throws TidemarkError CloudBusy, CloudBroken, and of `work` */
export async function withCloud<T>(
  { surroundings, home, definitionFile }: Context,
  definition: Definition,
  mode: CloudRequest['mode'],
  work: (cloud: Cloud) => Promise<T>,
): Promise<T> {
  const { environment } = surroundings;
  const cloud = await surroundings.openCloud({ home, definition, definitionFile, mode, environment });
  try {
    return await work(cloud);
  } finally {
    await cloud.close();
  }
}
