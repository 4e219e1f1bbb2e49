import { randomUUID } from 'node:crypto';
import {
  childIndexOf,
  childMachineName,
  familyOf,
  machineArn,
  type ParsedArn,
  parseArn,
} from './arns.ts';
import { parseDefinition } from './definition.ts';
import { type Engine, notRedrivable } from './engine.ts';
import type { Execution } from './executions.ts';
import { ApiError } from './failure.ts';
import { type History, type HistoryEvent, linesBackwards, outcomeOf } from './history.ts';
import type { Machine } from './machines.ts';
import { arnOf, type Child, childNames, countsOf, type MapRun } from './map-run.ts';
import { page } from './paging.ts';

/** The body of a request, as the SDK's client serializes it. */
export type Parameters = { readonly [name: string]: unknown };

/** One function an operation of the API. They throw `ApiError`; what they return is acknowledged. */
export type Operations = { readonly [operation: string]: (parameters: Parameters) => object };

const inputCharactersMax = 262_144;

export function operationsOf(engine: Engine): Operations {
  const find = lookups(engine);
  return {
    ...machineOperations(engine, find),
    ...executionOperations(engine, find),
    ...mapRunOperations(find),
  };
}

type Lookups = ReturnType<typeof lookups>;

/** What an ARN names, or AWS's error for one that names nothing. */
function lookups({ machines, executions }: Engine) {
  const parsed = <Kind extends ParsedArn['kind']>(parameters: Parameters, field: string, ...kinds: Kind[]) => {
    const arn = text(parameters, field);
    const found = parseArn(arn);
    if (found !== null && (kinds as string[]).includes(found.kind)) return found as ParsedArn & { kind: Kind };
    throw new ApiError('InvalidArn', `Invalid Arn: '${arn}'`);
  };
  const mapRunsOf = (machine: string): readonly MapRun[] =>
    executions.of(machine).flatMap(({ mapRuns }) => mapRuns);
  const childOf = (machine: string, name: string): { mapRun: MapRun; child: Child } | undefined => {
    const mapRun = mapRunsOf(machine).find(({ id }) => name.startsWith(familyOf(id)));
    const child = mapRun === undefined ? undefined : executions.childrenOf(mapRun).list[childIndexOf(name)];
    return mapRun === undefined || child === undefined ? undefined : { mapRun, child };
  };
  return {
    mapRunsOf,
    machine(parameters: Parameters): Machine {
      const { machine } = parsed(parameters, 'stateMachineArn', 'machine');
      const found = machines.get(machine);
      if (found !== undefined) return found;
      throw new ApiError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${machineArn(machine)}'`);
    },
    execution(parameters: Parameters): { execution: Execution } | { mapRun: MapRun; child: Child } {
      const arn = parsed(parameters, 'executionArn', 'execution', 'child');
      if (arn.kind === 'execution') {
        const execution = executions.find(arn.machine, arn.name);
        if (execution !== undefined) return { execution };
      } else {
        const child = childOf(arn.machine, arn.name);
        if (child !== undefined) return child;
      }
      throw new ApiError('ExecutionDoesNotExist', `Execution Does Not Exist: '${text(parameters, 'executionArn')}'`);
    },
    mapRun(parameters: Parameters): MapRun {
      const { machine, id } = parsed(parameters, 'mapRunArn', 'mapRun');
      const found = mapRunsOf(machine).find((mapRun) => mapRun.id === id);
      if (found !== undefined) return found;
      throw new ApiError('ResourceNotFound', `Resource not found: '${text(parameters, 'mapRunArn')}'`);
    },
  };
}
