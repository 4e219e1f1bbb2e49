import { childIndexOf, familyOf, machineArn, type ParsedArn, parseArn } from './arns.ts';
import type { Engine } from './engine.ts';
import type { Execution } from './executions.ts';
import { ApiError } from './failure.ts';
import type { Machine } from './machines.ts';
import type { Child, MapRun } from './map-run.ts';
import { type Parameters, text } from './parameters.ts';

export type Lookups = ReturnType<typeof lookups>;

/** An execution, or a child of a map run. */
export type Found = { readonly execution: Execution } | { readonly mapRun: MapRun; readonly child: Child };

/** What an ARN names, or AWS's error for one that names nothing. */
export function lookups({ machines, executions }: Engine) {
  const parsed = <Kind extends ParsedArn['kind']>(
    parameters: Parameters,
    field: string,
    ...kinds: Kind[]
  ) => {
    const arn = text(parameters, field);
    const found = parseArn(arn);
    if (found !== null && (kinds as string[]).includes(found.kind))
      return found as ParsedArn & { kind: Kind };
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
      throw new ApiError(
        'StateMachineDoesNotExist',
        `State Machine Does Not Exist: '${machineArn(machine)}'`,
      );
    },
    execution(parameters: Parameters): Found {
      const arn = parsed(parameters, 'executionArn', 'execution', 'child');
      if (arn.kind === 'execution') {
        const execution = executions.find(arn.machine, arn.name);
        if (execution !== undefined) return { execution };
      } else {
        const child = childOf(arn.machine, arn.name);
        if (child !== undefined) return child;
      }
      throw new ApiError(
        'ExecutionDoesNotExist',
        `Execution Does Not Exist: '${text(parameters, 'executionArn')}'`,
      );
    },
    mapRun(parameters: Parameters): MapRun {
      const { machine, id } = parsed(parameters, 'mapRunArn', 'mapRun');
      const found = mapRunsOf(machine).find((mapRun) => mapRun.id === id);
      if (found !== undefined) return found;
      throw new ApiError('ResourceNotFound', `Resource not found: '${text(parameters, 'mapRunArn')}'`);
    },
  };
}
