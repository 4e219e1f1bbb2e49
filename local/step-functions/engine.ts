import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { machineArn } from './arns.ts';
import { parseDefinition, type Workflow } from './definition.ts';
import { definitionOf, type Execution, type Executions, openExecutions } from './executions.ts';
import { ApiError } from './failure.ts';
import { outcomeOf, positionOf, record } from './history.ts';
import { executionContext, historyIsFull, type Invoke, interpret, type Running } from './interpreter.ts';
import { type Machine, type Machines, openMachines } from './machines.ts';
import { runMapState } from './map-state.ts';

/** State machines and their executions, and what makes them run. Errors are `ApiError`s, with AWS's codes. */
export type Engine = {
  readonly machines: Machines;
  readonly executions: Executions;
  /** The same name with the same input gives the same execution while it runs. */
  start(machine: Machine, name: string | undefined, input: string): Execution;
  /** Goes on where the execution stopped. A client token that was used for it before changes nothing. */
  redrive(execution: Execution, token: string | undefined): { readonly redriveMs: number };
  /** Ends nothing in the journals: to the next engine this is a crash. */
  stop(): void;
};

/** @param folder holds machines/ and executions/; only one engine at a time may use it */
export function openEngine(folder: string, invoke: Invoke, s3: S3Client): Engine {
  const machines = openMachines(join(folder, 'machines'));
  const executions = openExecutions(join(folder, 'executions'));
  const stopping = new AbortController();
  // every call of a function may listen to it
  setMaxListeners(0, stopping.signal);

  const run = (execution: Execution, workflow: Workflow): void => {
    const halt = new AbortController();
    const { history, machine } = execution;
    execution.halt = halt;
    const names = { ...execution, machineName: machine, machineArn: machineArn(machine) };
    const parent = { ...execution, childrenOf: executions.childrenOf };
    const running = {
      history,
      halt: halt.signal,
      context: executionContext(names, history),
      invoke,
      engine: stopping.signal,
      runMap: (...args: Parameters<Running['runMap']>) => runMapState(s3, parent, ...args),
    };
    void interpret(workflow, positionOf(history, workflow.startAt), running).then(() => {
      // stopped and redriven meanwhile, it belongs to somebody else
      if (execution.halt !== halt) return;
      execution.halt = null;
      history.journal.close();
    });
  };

  return {
    machines,
    executions,
    start(machine, name = randomUUID(), input) {
      const before = executions.find(machine.name, name);
      if (before !== undefined) {
        const same =
          outcomeOf(before.history).input === input && before.history.timeline?.status === 'RUNNING';
        if (same) return before;
        throw new ApiError('ExecutionAlreadyExists', `Execution Already Exists: '${before.arn}'`);
      }
      const { definition, roleArn } = machine;
      const workflow = parseDefinition(definition);
      const execution = executions.create(machine.name, name, { definition, roleArn }, input);
      run(execution, workflow);
      return execution;
    },
    redrive(execution, token) {
      const known = token === undefined ? undefined : execution.redriveTokens.get(token);
      if (known !== undefined) return { redriveMs: known };
      const reason = notRedrivable(execution);
      if (reason !== null) throw new ApiError('ExecutionNotRedrivable', reason);
      const workflow = parseDefinition(definitionOf(execution));
      const { history } = execution;
      const redriveCount = (history.timeline?.redriveCount ?? 0) + 1;
      const { timestamp } = record(
        history,
        'ExecutionRedriven',
        { redriveCount },
        token === undefined ? {} : { token },
      );
      const redriveMs = timestamp * 1000;
      if (token !== undefined) execution.redriveTokens.set(token, redriveMs);
      run(execution, workflow);
      return { redriveMs };
    },
    stop() {
      stopping.abort();
      for (const machine of machines.all()) {
        for (const execution of executions.of(machine.name)) {
          execution.halt?.abort();
          const children = execution.mapRuns.at(-1)?.children;
          for (const child of children?.list ?? []) child.halt?.abort();
          children?.journal.close();
          execution.history.journal.close();
        }
      }
    },
  };
}

/** Why an execution cannot be redriven, in AWS's words; null when it can. */
export function notRedrivable({ history }: Execution): string | null {
  const status = history.timeline?.status ?? 'RUNNING';
  if (status === 'RUNNING' || status === 'SUCCEEDED') return `Execution is ${status} and cannot be redriven`;
  return historyIsFull(history) ? 'Execution history event limit exceeded' : null;
}
