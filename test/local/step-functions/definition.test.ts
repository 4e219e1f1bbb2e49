import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stateMachineDefinition } from '../../../infra/state-machine.ts';
import { parseDefinition } from '../../../local/step-functions/definition.ts';
import { settings } from './world.ts';

type Tree = { [field: string]: Tree };

/** The state machine of a sync, changed. */
function changed(change: (states: Tree, definition: Tree) => void): string {
  const definition = JSON.parse(JSON.stringify(stateMachineDefinition(settings))) as Tree;
  change(definition.States!, definition);
  return JSON.stringify(definition);
}

const as = (value: unknown) => value as Tree;

describe('a definition', () => {
  it('of a sync is known to its last field', () => {
    const { startAt, states } = parseDefinition(changed(() => {}));
    expect(startAt).toBe('Plan');
    expect([...states.values()].map(({ type }) => type).sort()).toEqual([
      ...['Choice', 'Choice', 'Map', 'Succeed', 'Succeed', 'Task', 'Task'],
    ]);
  });

  it('whose placeholders are not filled in is refused', () => {
    expect(() => parseDefinition(readFileSync('infra/sync.asl.json', 'utf8'))).toThrow(
      '/States/Plan/TimeoutSeconds',
    );
  });

  const copy = (states: Tree) => states.CopyChunks!.ItemProcessor!.States!;
  it.each<[string, string, (states: Tree, definition: Tree) => void]>([
    [
      'JSONPath',
      '/QueryLanguage',
      (_, definition) => {
        definition.QueryLanguage = as('JSONPath');
      },
    ],
    [
      'a time limit of the whole',
      '/TimeoutSeconds',
      (_, definition) => {
        definition.TimeoutSeconds = as(60);
      },
    ],
    [
      'another state type',
      '/States/Done/Type',
      (states) => {
        states.Done = as({ Type: 'Wait', Seconds: 1, End: true });
      },
    ],
    [
      'Catch',
      '/States/Publish/Catch',
      (states) => {
        states.Publish!.Catch = as([{ ErrorEquals: ['States.ALL'], Next: 'Done' }]);
      },
    ],
    [
      'Assign',
      '/States/Plan/Assign',
      (states) => {
        states.Plan!.Assign = as({ a: 1 });
      },
    ],
    [
      'another resource',
      '/States/Plan/Resource',
      (states) => {
        states.Plan!.Resource = as('arn:aws:states:::sqs:sendMessage');
      },
    ],
    [
      'another argument',
      '/States/Plan/Arguments/Qualifier',
      (states) => {
        states.Plan!.Arguments!.Qualifier = as('1');
      },
    ],
    [
      'a function name in JSONata',
      '/States/Plan/Arguments/FunctionName',
      (states) => {
        states.Plan!.Arguments!.FunctionName = as('{% $states.input.f %}');
      },
    ],
    [
      'a Retry on the Map',
      '/States/CopyChunks/Retry',
      (states) => {
        states.CopyChunks!.Retry = as([{ ErrorEquals: ['States.ALL'] }]);
      },
    ],
    [
      'an inline Map',
      '/States/CopyChunks/ItemProcessor/ProcessorConfig',
      (states) => {
        states.CopyChunks!.ItemProcessor!.ProcessorConfig = as({ Mode: 'INLINE' });
      },
    ],
    [
      'an ItemSelector',
      '/States/CopyChunks/ItemSelector',
      (states) => {
        states.CopyChunks!.ItemSelector = as({});
      },
    ],
    [
      'CSV',
      '/States/CopyChunks/ItemReader/ReaderConfig/InputType',
      (states) => {
        states.CopyChunks!.ItemReader!.ReaderConfig!.InputType = as('CSV');
      },
    ],
    [
      'a Label with other characters',
      '/States/CopyChunks/Label',
      (states) => {
        states.CopyChunks!.Label = as('Copy chunks');
      },
    ],
    [
      'more than all failures',
      '/States/CopyChunks/ToleratedFailurePercentage',
      (states) => {
        states.CopyChunks!.ToleratedFailurePercentage = as(101);
      },
    ],
    [
      'a Map in a child',
      '/States/CopyChunks/ItemProcessor/States/Copied',
      (states) => {
        copy(states).Copied = structuredClone(states.CopyChunks!);
      },
    ],
    [
      'a broken expression',
      '/States/CopyChunks/ItemProcessor/States/Copied/Output',
      (states) => {
        copy(states).Copied!.Output = as('{% $states.( %}');
      },
    ],
    [
      'text around an expression',
      '/States/Done/Output',
      (states) => {
        states.Done!.Output = as('{% 1 %} and');
      },
    ],
    [
      'a target that is missing',
      '/States/PlannedOrSkipped',
      (states) => {
        states.PlannedOrSkipped!.Default = as('Nowhere');
      },
    ],
    [
      'a state that nothing leads to',
      '/States/Extra',
      (states) => {
        states.Extra = as({ Type: 'Succeed' });
      },
    ],
    [
      'a name that stands twice',
      '/States/Done',
      (states) => {
        copy(states).Done = as({ Type: 'Succeed' });
        copy(states).MoreLeft!.Default = as('Done');
        delete copy(states).Copied;
      },
    ],
    [
      'States.ALL among others',
      '/States/Plan/Retry[0]/ErrorEquals',
      (states) => {
        states.Plan!.Retry = as([{ ErrorEquals: ['States.ALL', 'A'] }]);
      },
    ],
    [
      'a backoff below 1',
      '/States/Plan/Retry[0]/BackoffRate',
      (states) => {
        states.Plan!.Retry = as([{ ErrorEquals: ['A'], BackoffRate: 0.5 }]);
      },
    ],
    [
      'neither Next nor End',
      '/States/Plan',
      (states) => {
        states.Plan!.Next = as(undefined);
      },
    ],
  ])('with %s is refused, and the message names %s', (_, path, change) => {
    expect(() => parseDefinition(changed(change))).toThrow(
      expect.objectContaining({
        code: 'InvalidDefinition',
        message: expect.stringContaining(` at ${path}'`),
      }),
    );
  });
});
