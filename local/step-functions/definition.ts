import { type Fields, fieldsOf, literally, nextOf, numberOf, refuse, textOf } from './fields.ts';
import type { Retrier } from './retry.ts';
import { compileTemplate, type Json, type Template } from './template.ts';

export type TaskState = {
  readonly type: 'Task';
  readonly functionName: string;
  readonly payload: Template;
  readonly timeoutSeconds: number | null;
  readonly retriers: readonly Retrier[];
  readonly output: Template | null;
  /** null: the last state */
  readonly next: string | null;
};

export type ChoiceState = {
  readonly type: 'Choice';
  readonly rules: readonly {
    readonly condition: Template;
    readonly output: Template | null;
    readonly next: string;
  }[];
  readonly otherwise: string | null;
  /** of the default */
  readonly output: Template | null;
};

export type SucceedState = { readonly type: 'Succeed'; readonly output: Template | null };

export type MapState = {
  readonly type: 'Map';
  readonly label: string;
  /** 0: no limit */
  readonly maxConcurrency: number;
  readonly toleratedFailurePercentage: number | null;
  readonly toleratedFailureCount: number | null;
  /** evaluates to Bucket and Key */
  readonly itemReader: Template;
  /** evaluates to Bucket and Prefix */
  readonly resultWriter: Template;
  readonly processor: Workflow;
  readonly output: Template | null;
  readonly next: string | null;
};

export type State = TaskState | ChoiceState | SucceedState | MapState;

export type Workflow = { readonly startAt: string; readonly states: ReadonlyMap<string, State> };

/**
 * Reads a definition in the Amazon States Language, as far as infra/sync.asl.json uses it: JSONata; Task
 * (lambda:invoke), Choice, Succeed, and a distributed Map over JSONL. All else is refused, with its path: what this
 * does not know it must not run in another way than AWS would.
 *
 * @throws ApiError InvalidDefinition
 */
export function parseDefinition(text: string): Workflow {
  let definition: Json;
  try {
    definition = JSON.parse(text) as Json;
  } catch (error) {
    return refuse(`INVALID_JSON_DESCRIPTION: ${(error as Error).message}`, '');
  }
  const fields = fieldsOf(definition, '', ['StartAt', 'States'], ['Comment', 'QueryLanguage', 'Version']);
  if (fields.QueryLanguage !== 'JSONata') refuse('The QueryLanguage must be JSONata', '/QueryLanguage');
  if ((fields.Version ?? '1.0') !== '1.0') refuse('The Version must be 1.0', '/Version');
  const workflow = workflowOf(fields, '', 'parent');
  const names = new Set<string>();
  for (const [name, state] of workflow.states) {
    for (const each of [name, ...(state.type === 'Map' ? state.processor.states.keys() : [])]) {
      if (names.has(each)) refuse(`DUPLICATE_STATE_NAME: ${each}`, `/States/${name}`);
      names.add(each);
    }
  }
  return workflow;
}

function workflowOf(fields: Fields, path: string, level: 'parent' | 'child'): Workflow {
  const all = fieldsOf(fields.States, `${path}/States`, [], 'any');
  const states = new Map<string, State>();
  for (const [name, state] of Object.entries(all)) {
    const at = `${path}/States/${name}`;
    if (name.length > 80) refuse('The name of a state is at most 80 characters long', at);
    states.set(name, stateOf(state, name, at, level));
  }
  const startAt = textOf(fields.StartAt, `${path}/StartAt`);
  const target = (name: string, at: string): string =>
    states.has(name) ? name : refuse(`MISSING_TRANSITION_TARGET: there is no state '${name}'`, at);
  const reached = new Set([target(startAt, `${path}/StartAt`)]);
  for (const name of reached) {
    const state = states.get(name)!;
    for (const next of successorsOf(state)) reached.add(target(next, `${path}/States/${name}`));
  }
  const lost = [...states.keys()].find((name) => !reached.has(name));
  if (lost !== undefined) refuse('UNREACHABLE_STATE: no state leads here', `${path}/States/${lost}`);
  return { startAt, states };
}

function successorsOf(state: State): readonly string[] {
  if (state.type === 'Succeed') return [];
  if (state.type !== 'Choice') return state.next === null ? [] : [state.next];
  return [...state.rules.map((rule) => rule.next), ...(state.otherwise === null ? [] : [state.otherwise])];
}

function stateOf(state: Json, name: string, path: string, level: 'parent' | 'child'): State {
  const { Type: type } = fieldsOf(state, path, ['Type'], 'any');
  switch (type) {
    case 'Task':
      return taskOf(state, path);
    case 'Choice':
      return choiceOf(state, path);
    case 'Succeed': {
      const fields = fieldsOf(state, path, ['Type'], ['Comment', 'Output']);
      return { type: 'Succeed', output: templateOf(fields.Output, 'Output', path) };
    }
    case 'Map':
      return level === 'parent'
        ? mapOf(state, name, path)
        : refuse('A Map inside a Map is not supported', path);
    default:
      return refuse(`The state type ${JSON.stringify(type)} is not supported`, `${path}/Type`);
  }
}

function taskOf(state: Json, path: string): TaskState {
  const optional = ['Comment', 'TimeoutSeconds', 'Retry', 'Output', 'Next', 'End'];
  const fields = fieldsOf(state, path, ['Type', 'Resource', 'Arguments'], optional);
  if (fields.Resource !== 'arn:aws:states:::lambda:invoke') {
    refuse('The only supported Resource is arn:aws:states:::lambda:invoke', `${path}/Resource`);
  }
  const args = fieldsOf(fields.Arguments, `${path}/Arguments`, ['FunctionName'], ['Payload']);
  const functionName = textOf(args.FunctionName, `${path}/Arguments/FunctionName`);
  if (functionName.startsWith('{%')) {
    refuse('A FunctionName in JSONata is not supported', `${path}/Arguments/FunctionName`);
  }
  const retry = fields.Retry ?? [];
  if (!Array.isArray(retry)) return refuse('An array is needed', `${path}/Retry`);
  return {
    type: 'Task',
    functionName,
    payload: templateOf(args.Payload ?? {}, 'Arguments/Payload', path)!,
    timeoutSeconds: numberOf(fields.TimeoutSeconds, `${path}/TimeoutSeconds`, 1) ?? null,
    retriers: retry.map((retrier: Json, index) =>
      retrierOf(retrier, `${path}/Retry[${index}]`, index === retry.length - 1),
    ),
    output: templateOf(fields.Output, 'Output', path),
    next: nextOf(fields, path),
  };
}

function retrierOf(retrier: Json, path: string, last: boolean): Retrier {
  const optional = [
    'Comment',
    'IntervalSeconds',
    'MaxAttempts',
    'BackoffRate',
    'MaxDelaySeconds',
    'JitterStrategy',
  ];
  const fields = fieldsOf(retrier, path, ['ErrorEquals'], optional);
  const errors = fields.ErrorEquals;
  if (!Array.isArray(errors) || errors.length === 0) {
    return refuse('A list of error names is needed', `${path}/ErrorEquals`);
  }
  const errorEquals = errors.map((name: Json, index) => textOf(name, `${path}/ErrorEquals[${index}]`));
  if (errorEquals.includes('States.ALL') && (errorEquals.length > 1 || !last)) {
    refuse('States.ALL must stand alone, and last', `${path}/ErrorEquals`);
  }
  const jitter = fields.JitterStrategy ?? 'NONE';
  if (jitter !== 'NONE' && jitter !== 'FULL') refuse('NONE or FULL is needed', `${path}/JitterStrategy`);
  const backoffRate = fields.BackoffRate ?? 2;
  if (typeof backoffRate !== 'number' || backoffRate < 1) {
    return refuse('A number of 1 or more is needed', `${path}/BackoffRate`);
  }
  return {
    errorEquals,
    intervalSeconds: numberOf(fields.IntervalSeconds, `${path}/IntervalSeconds`, 1) ?? 1,
    maxAttempts: numberOf(fields.MaxAttempts, `${path}/MaxAttempts`, 0) ?? 3,
    backoffRate,
    maxDelaySeconds: numberOf(fields.MaxDelaySeconds, `${path}/MaxDelaySeconds`, 1) ?? null,
    fullJitter: jitter === 'FULL',
  };
}

function choiceOf(state: Json, path: string): ChoiceState {
  const fields = fieldsOf(state, path, ['Type', 'Choices'], ['Comment', 'Default', 'Output']);
  const choices = fields.Choices;
  if (!Array.isArray(choices) || choices.length === 0) {
    return refuse('A list of choices is needed', `${path}/Choices`);
  }
  return {
    type: 'Choice',
    rules: choices.map((choice: Json, index) => {
      const field = `Choices[${index}]`;
      const rule = fieldsOf(choice, `${path}/${field}`, ['Condition', 'Next'], ['Comment', 'Output']);
      const condition = textOf(rule.Condition, `${path}/${field}/Condition`);
      if (!condition.startsWith('{%')) refuse('A JSONata expression is needed', `${path}/${field}/Condition`);
      return {
        condition: templateOf(condition, `${field}/Condition`, path)!,
        output: templateOf(rule.Output, `${field}/Output`, path),
        next: textOf(rule.Next, `${path}/${field}/Next`),
      };
    }),
    otherwise: fields.Default === undefined ? null : textOf(fields.Default, `${path}/Default`),
    output: templateOf(fields.Output, 'Output', path),
  };
}

function mapOf(state: Json, name: string, path: string): MapState {
  const required = ['Type', 'ItemReader', 'ItemProcessor', 'ResultWriter'];
  const tolerated = ['ToleratedFailurePercentage', 'ToleratedFailureCount'];
  const optional = ['Comment', 'Label', 'MaxConcurrency', ...tolerated, 'Output', 'Next', 'End'];
  const fields = fieldsOf(state, path, required, optional);

  const reader = fieldsOf(
    fields.ItemReader,
    `${path}/ItemReader`,
    ['Resource', 'ReaderConfig', 'Arguments'],
    [],
  );
  literally(reader.Resource, 'arn:aws:states:::s3:getObject', `${path}/ItemReader/Resource`);
  const config = fieldsOf(reader.ReaderConfig, `${path}/ItemReader/ReaderConfig`, ['InputType'], []);
  literally(config.InputType, 'JSONL', `${path}/ItemReader/ReaderConfig/InputType`);
  fieldsOf(reader.Arguments, `${path}/ItemReader/Arguments`, ['Bucket', 'Key'], []);

  const writer = fieldsOf(fields.ResultWriter, `${path}/ResultWriter`, ['Resource', 'Arguments'], []);
  literally(writer.Resource, 'arn:aws:states:::s3:putObject', `${path}/ResultWriter/Resource`);
  fieldsOf(writer.Arguments, `${path}/ResultWriter/Arguments`, ['Bucket', 'Prefix'], []);

  const at = `${path}/ItemProcessor`;
  const processor = fieldsOf(fields.ItemProcessor, at, ['ProcessorConfig', 'StartAt', 'States'], ['Comment']);
  const processing = fieldsOf(
    processor.ProcessorConfig,
    `${at}/ProcessorConfig`,
    ['Mode', 'ExecutionType'],
    [],
  );
  literally(processing.Mode, 'DISTRIBUTED', `${at}/ProcessorConfig/Mode`);
  literally(processing.ExecutionType, 'STANDARD', `${at}/ProcessorConfig/ExecutionType`);

  const label = fields.Label === undefined ? name : textOf(fields.Label, `${path}/Label`);
  if (!/^[\w-]{1,40}$/.test(label)) {
    refuse(
      'A Label of up to 40 letters, digits, - and _ is needed (or the name of the state)',
      `${path}/Label`,
    );
  }
  const percentage = numberOf(fields.ToleratedFailurePercentage, `${path}/ToleratedFailurePercentage`, 0);
  if (percentage !== undefined && percentage > 100) {
    refuse('At most 100 is possible', `${path}/ToleratedFailurePercentage`);
  }
  return {
    type: 'Map',
    label,
    maxConcurrency: numberOf(fields.MaxConcurrency, `${path}/MaxConcurrency`, 0) ?? 0,
    toleratedFailurePercentage: percentage ?? null,
    toleratedFailureCount: numberOf(fields.ToleratedFailureCount, `${path}/ToleratedFailureCount`, 0) ?? null,
    itemReader: templateOf(reader.Arguments, 'ItemReader/Arguments', path)!,
    resultWriter: templateOf(writer.Arguments, 'ResultWriter/Arguments', path)!,
    processor: workflowOf(processor, at, 'child'),
    output: templateOf(fields.Output, 'Output', path),
    next: nextOf(fields, path),
  };
}

function templateOf(value: Json | undefined, field: string, path: string): Template | null {
  if (value === undefined) return null;
  return compileTemplate(value, field, (reason, at) => refuse(reason, `${path}/${at}`));
}
