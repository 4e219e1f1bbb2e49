import type { Definition } from '../core/definition/options.ts';
import type { Cloud } from './cloud.ts';
import type { Answer, Context } from './context.ts';
import { readDefinitionToLook } from './read-definition.ts';
import { withCloud } from './with-cloud.ts';

/** Opens what is stored, or the cloud of the process that runs it, for a command that only looks. */
export async function look(
  context: Context,
  work: (places: { definition: Definition; cloud: Cloud }) => Promise<Answer>,
): Promise<Answer> {
  const definition = readDefinitionToLook(context);
  return withCloud(context, definition, 'look', (cloud) => work({ definition, cloud }));
}
