import { machineArn } from './arns.ts';
import { type Engine, notRedrivable } from './engine.ts';
import type { Execution } from './executions.ts';
import { ApiError } from './failure.ts';
import { type History, outcomeOf } from './history.ts';
import { end } from './interpreter.ts';
import type { Found, Lookups } from './lookups.ts';
import { checkName } from './machine-operations.ts';
import { arnOf, childNames } from './map-run.ts';
import type { Operations } from './operations.ts';
import { optionalText, type Parameters, page, seconds } from './parameters.ts';

const inputBytesMax = 256 * 1024;

export function executionOperations(engine: Engine, find: Lookups): Operations {
  return {
    StartExecution(parameters) {
      const machine = find.machine(parameters);
      const name = optionalText(parameters, 'name');
      const execution = engine.start(
        machine,
        name === undefined ? name : checkName(name),
        inputOf(parameters),
      );
      return { executionArn: execution.arn, startDate: seconds(execution.history.timeline!.startMs) };
    },
    /** Also a child can be ended; its map run goes on, and counts it as aborted. */
    StopExecution(parameters) {
      const found = find.execution(parameters);
      const error = optionalText(parameters, 'error');
      const cause = optionalText(parameters, 'cause');
      const { history } = 'execution' in found ? found.execution : found.child;
      if (history.timeline!.status === 'RUNNING') {
        if ('execution' in found) engine.executions.abort(found.execution, error, cause);
        else {
          found.child.halt?.abort();
          end(history, 'ExecutionAborted', { error, cause });
        }
      }
      return { stopDate: seconds(history.timeline!.stopMs ?? Date.now()) };
    },
    RedriveExecution(parameters) {
      const found = find.execution(parameters);
      if (!('execution' in found)) {
        throw new ApiError('ExecutionNotRedrivable', 'A child execution is redriven by redriving its parent');
      }
      const { redriveMs } = engine.redrive(found.execution, optionalText(parameters, 'clientToken'));
      return { redriveDate: seconds(redriveMs) };
    },
    DescribeExecution(parameters) {
      const found = find.execution(parameters);
      const { history } = 'execution' in found ? found.execution : found.child;
      const { input, output, ...failure } = outcomeOf(history);
      const included = parameters.includedData !== 'METADATA_ONLY';
      return {
        ...summaryOf(found),
        ...(included ? { input, inputDetails: { included: true } } : {}),
        ...(included && output !== undefined ? { output, outputDetails: { included: true } } : {}),
        ...failure,
        ...redrivability(found),
      };
    },
    ListExecutions(parameters) {
      const listed = parameters.mapRunArn === undefined ? ofMachine(parameters) : ofMapRun(parameters);
      const { statusFilter, redriveFilter } = parameters;
      const chosen = listed.filter((found) => {
        const { status, redriveCount } = historyOf(found).timeline!;
        if (statusFilter !== undefined && status !== statusFilter) return false;
        return redriveFilter === undefined || (redriveFilter === 'REDRIVEN') === redriveCount > 0;
      });
      const { items, ...more } = page(parameters, chosen, (found) =>
        'execution' in found ? found.execution.name : childNames(found.mapRun, found.child.index).name,
      );
      return { executions: items.map((found) => summaryOf(found)), ...more };
    },
  };

  function ofMachine(parameters: Parameters): Found[] {
    const all = [...engine.executions.of(find.machine(parameters).name)];
    const startMs = (execution: Execution) => execution.history.timeline!.startMs;
    // the latest first, and of several in one millisecond the last one
    return all
      .reverse()
      .sort((a, b) => startMs(b) - startMs(a))
      .map((execution) => ({ execution }));
  }

  function ofMapRun(parameters: Parameters): Found[] {
    const mapRun = find.mapRun(parameters);
    const { list } = engine.executions.childrenOf(mapRun);
    return list.toReversed().map((child) => ({ mapRun, child }));
  }
}

const historyOf = (found: Found): History => ('execution' in found ? found.execution : found.child).history;

function inputOf(parameters: Parameters): string {
  const input = optionalText(parameters, 'input') ?? '{}';
  if (Buffer.byteLength(input) > inputBytesMax) {
    throw new ApiError('ValidationException', `'input' must be at most ${inputBytesMax} bytes long`);
  }
  try {
    JSON.parse(input);
    return input;
  } catch {
    throw new ApiError('InvalidExecutionInput', "Invalid State Machine Execution Input: 'input' is not JSON");
  }
}

/** The fields that ListExecutions and DescribeExecution share. */
function summaryOf(found: Found): object {
  const { status, startMs, stopMs, redriveCount, redriveMs } = historyOf(found).timeline!;
  const { arn, name, ...names } =
    'execution' in found
      ? { ...found.execution, stateMachineArn: machineArn(found.execution.machine) }
      : childNames(found.mapRun, found.child.index);
  return {
    executionArn: arn,
    stateMachineArn: 'machineArn' in names ? names.machineArn : names.stateMachineArn,
    ...('mapRun' in found ? { mapRunArn: arnOf(found.mapRun), itemCount: 1 } : {}),
    name,
    status,
    startDate: seconds(startMs),
    ...(stopMs === null ? {} : { stopDate: seconds(stopMs) }),
    redriveCount,
    ...(redriveMs === null ? {} : { redriveDate: seconds(redriveMs) }),
  };
}

function redrivability(found: Found): object {
  if ('execution' in found) {
    const reason = notRedrivable(found.execution);
    if (reason === null) return { redriveStatus: 'REDRIVABLE' };
    return { redriveStatus: 'NOT_REDRIVABLE', redriveStatusReason: reason };
  }
  const { status } = found.child.history.timeline!;
  if (status !== 'RUNNING' && status !== 'SUCCEEDED') return { redriveStatus: 'REDRIVABLE_BY_MAP_RUN' };
  const redriveStatusReason = `Execution is ${status} and cannot be redriven`;
  return { redriveStatus: 'NOT_REDRIVABLE', redriveStatusReason };
}
