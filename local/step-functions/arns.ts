/** Names of things as AWS writes them. */
import { accountId, region } from '../account.ts';

const states = `arn:aws:states:${region}:${accountId}`;

export const machineArn = (machine: string): string => `${states}:stateMachine:${machine}`;

export const executionArn = (machine: string, execution: string): string =>
  `${states}:execution:${machine}:${execution}`;

/** The children of a map run count as executions of a state machine of their own. */
export const childMachineName = (machine: string, label: string): string => `${machine}/${label}`;

export const mapRunArn = (machine: string, label: string, mapRunId: string): string =>
  `${states}:mapRun:${machine}/${label}:${mapRunId}`;

/** A UUID that tells the map run (by all but its last group) and the child's index: it needs no directory. */
export const childName = (mapRunId: string, index: number): string =>
  `${familyOf(mapRunId)}${index.toString(16).padStart(12, '0')}`;

/** What the names of a map run's children begin with. */
export const familyOf = (mapRunId: string): string => `${mapRunId.slice(0, 14)}3${mapRunId.slice(15, 24)}`;

export const childIndexOf = (name: string): number => Number.parseInt(name.slice(24), 16);

export type ParsedArn =
  | { readonly kind: 'machine'; readonly machine: string }
  | { readonly kind: 'execution'; readonly machine: string; readonly name: string }
  | { readonly kind: 'child'; readonly machine: string; readonly label: string; readonly name: string }
  | { readonly kind: 'mapRun'; readonly machine: string; readonly label: string; readonly id: string };

/** null: not an ARN of one of these */
export function parseArn(arn: string): ParsedArn | null {
  if (!arn.startsWith(`${states}:`)) return null;
  const [kind, of = '', name, more] = arn.slice(states.length + 1).split(':');
  const [machine = '', label, deeper] = of.split('/');
  if (machine === '' || more !== undefined || deeper !== undefined) return null;
  if (kind === 'stateMachine')
    return name === undefined && label === undefined ? { kind: 'machine', machine } : null;
  if (name === undefined || name === '') return null;
  if (kind === 'execution') {
    return label === undefined ? { kind, machine, name } : { kind: 'child', machine, label, name };
  }
  return kind === 'mapRun' && label !== undefined ? { kind, machine, label, id: name } : null;
}
