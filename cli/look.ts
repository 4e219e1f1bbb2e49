import type { Definition } from '../core/definition/options.ts';
import type { Cloud } from './cloud.ts';
import type { Answer, Context } from './context.ts';
import { readDefinitionToLook } from './read-definition.ts';

/** Opens what is stored, or the cloud of the process that runs it, for a command that only looks. */
export async function look(
  context: Context,
  work: (places: { definition: Definition; cloud: Cloud }) => Promise<Answer>,
): Promise<Answer> {
  const { surroundings, home, definitionFile } = context;
  const definition = readDefinitionToLook(context);
  const { environment } = surroundings;
  const cloud = await surroundings.openCloud({ home, definition, definitionFile, mode: 'look', environment });
  try {
    return await work({ definition, cloud });
  } finally {
    await cloud.close();
  }
}
