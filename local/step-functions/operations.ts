import type { Engine } from './engine.ts';
import { executionOperations } from './execution-operations.ts';
import { historyOperations } from './history-operations.ts';
import { lookups } from './lookups.ts';
import { machineOperations } from './machine-operations.ts';
import { mapRunOperations } from './map-run-operations.ts';
import type { Parameters } from './parameters.ts';

/** One function an operation of the API. They throw `ApiError`; what they return is acknowledged. */
export type Operations = { readonly [operation: string]: (parameters: Parameters) => object };

export function operationsOf(engine: Engine): Operations {
  const find = lookups(engine);
  return {
    ...machineOperations(engine, find),
    ...executionOperations(engine, find),
    ...historyOperations(find),
    ...mapRunOperations(engine, find),
  };
}
