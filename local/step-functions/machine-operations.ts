import { machineArn } from './arns.ts';
import { parseDefinition } from './definition.ts';
import type { Engine } from './engine.ts';
import { ApiError } from './failure.ts';
import type { Lookups } from './lookups.ts';
import type { Operations } from './operations.ts';
import { optionalText, page, seconds, text, unsupported } from './parameters.ts';

/** Names also become names of folders here: AWS allows a few more characters. */
const nameShape = /^[0-9A-Za-z_-][0-9A-Za-z_.-]{0,79}$/;

export function checkName(name: string): string {
  if (nameShape.test(name)) return name;
  throw new ApiError(
    'InvalidName',
    `Invalid Name: '${name}' (1 to 80 letters, digits, - _ . are possible here)`,
  );
}

export function machineOperations({ machines, executions }: Engine, find: Lookups): Operations {
  return {
    CreateStateMachine(parameters) {
      unsupported(parameters, 'publish', 'versionDescription');
      const type = optionalText(parameters, 'type') ?? 'STANDARD';
      if (type !== 'STANDARD')
        throw new ApiError('StateMachineTypeNotSupported', 'Only STANDARD is supported here');
      const name = checkName(text(parameters, 'name'));
      const definition = text(parameters, 'definition');
      const roleArn = text(parameters, 'roleArn');
      parseDefinition(definition);
      const before = machines.get(name);
      if (before !== undefined && (before.definition !== definition || before.roleArn !== roleArn)) {
        throw new ApiError(
          'StateMachineAlreadyExists',
          `State Machine Already Exists: '${machineArn(name)}'`,
        );
      }
      const { createdMs } = before ?? machines.put({ name, definition, roleArn });
      return { stateMachineArn: machineArn(name), creationDate: seconds(createdMs) };
    },
    UpdateStateMachine(parameters) {
      unsupported(parameters, 'publish', 'versionDescription');
      const { name, ...before } = find.machine(parameters);
      const definition = optionalText(parameters, 'definition') ?? before.definition;
      parseDefinition(definition);
      const roleArn = optionalText(parameters, 'roleArn') ?? before.roleArn;
      const { updatedMs, revisionId } = machines.put({ name, definition, roleArn });
      return { updateDate: seconds(updatedMs), revisionId };
    },
    DescribeStateMachine(parameters) {
      const { name, definition, roleArn, createdMs, revisionId } = find.machine(parameters);
      return {
        stateMachineArn: machineArn(name),
        name,
        status: 'ACTIVE',
        definition,
        roleArn,
        type: 'STANDARD',
        creationDate: seconds(createdMs),
        revisionId,
        loggingConfiguration: { level: 'OFF', includeExecutionData: false },
        tracingConfiguration: { enabled: false },
      };
    },
    ListStateMachines(parameters) {
      const sorted = [...machines.all()].sort(
        (a, b) => b.createdMs - a.createdMs || (a.name < b.name ? -1 : 1),
      );
      const { items, ...more } = page(parameters, sorted, ({ name }) => name);
      const stateMachines = items.map(({ name, createdMs }) => ({
        stateMachineArn: machineArn(name),
        name,
        type: 'STANDARD',
        creationDate: seconds(createdMs),
      }));
      return { stateMachines, ...more };
    },
    /** As on AWS its executions go with it; the ones that run are ended at once. */
    DeleteStateMachine(parameters) {
      const { name } = find.machine(parameters);
      for (const execution of executions.of(name)) {
        if (execution.history.timeline?.status === 'RUNNING') executions.abort(execution);
      }
      machines.remove(name);
      executions.remove(name);
      return {};
    },
  };
}
