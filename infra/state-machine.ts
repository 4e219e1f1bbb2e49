import { readFileSync } from 'node:fs';

/** A value of a definition in the Amazon States Language, as `JSON.stringify` takes it. */
export type AslValue =
  | string
  | number
  | boolean
  | null
  | readonly AslValue[]
  | { readonly [field: string]: AslValue };

export type AslDefinition = { readonly [field: string]: AslValue };

export type StateMachineSettings = {
  /** `aws-cn`, say, or a deploy-time token; default: `aws` */
  readonly partition?: string;
  /** names or ARNs of the functions; also deploy-time tokens, which are kept as they are */
  readonly planFunction: string;
  readonly copyChunkFunction: string;
  readonly publishFunction: string;
  readonly retry: {
    /** exponential: doubles, with full jitter; fixed: always `intervalSeconds`; none: a task fails at once */
    readonly kind: 'exponential' | 'fixed' | 'none';
    /** whole seconds, 1 or more */
    readonly intervalSeconds: number;
    /** how often a failed task is tried again, on top of the first time */
    readonly maxAttempts: number;
    /** whole seconds that no wait exceeds; of no effect where it is below `intervalSeconds` */
    readonly maxDelaySeconds: number;
  };
  /** children of CopyChunks at once; 0: as many as Step Functions allows */
  readonly maxConcurrency: number;
  /** longer than the functions' own time limit, so that theirs strikes first and names itself */
  readonly taskTimeoutSeconds: number;
};

/**
 * The state machine of a sync: `sync.asl.json` with its placeholders (`"${Name}"`, always a whole string) replaced.
 * The cloud and the laptop run what this returns.
 *
 * @throws RangeError a number that Step Functions would refuse
 * @throws Error the template has a placeholder that is not known here, or lacks one that is
 */
export function stateMachineDefinition(settings: StateMachineSettings): AslDefinition {
  const template = readFileSync(new URL('./sync.asl.json', import.meta.url), 'utf8');
  const { partition = 'aws', ...values } = settings;
  return inPartition(fillIn(JSON.parse(template), valuesOf(values)), partition);
}

/** The ARNs of Step Functions' own integrations are of the partition that they are called in. */
const inPartition = (definition: AslDefinition, partition: string): AslDefinition =>
  JSON.parse(JSON.stringify(definition), (field: string, value: AslValue) =>
    field === 'Resource' && typeof value === 'string'
      ? value.replace(/^arn:aws:/, () => `arn:${partition}:`)
      : value,
  );

function valuesOf({
  retry,
  ...settings
}: Omit<StateMachineSettings, 'partition'>): ReadonlyMap<string, string | number> {
  const exponential = retry.kind === 'exponential';
  // Step Functions wants these two well-formed also where they decide nothing
  const intervalSeconds = retry.kind === 'none' ? 1 : within(retry.intervalSeconds, 1, 'intervalSeconds');
  const maxDelaySeconds =
    retry.kind === 'none'
      ? 2
      : Math.max(within(retry.maxDelaySeconds, 1, 'maxDelaySeconds'), intervalSeconds + 1);
  return new Map<string, string | number>([
    ['PlanFunction', settings.planFunction],
    ['CopyChunkFunction', settings.copyChunkFunction],
    ['PublishFunction', settings.publishFunction],
    ['RetryIntervalSeconds', intervalSeconds],
    ['RetryMaxAttempts', retry.kind === 'none' ? 0 : within(retry.maxAttempts, 0, 'maxAttempts')],
    ['RetryBackoffRate', exponential ? 2 : 1],
    ['RetryMaxDelaySeconds', maxDelaySeconds],
    ['RetryJitterStrategy', exponential ? 'FULL' : 'NONE'],
    ['MaxConcurrency', within(settings.maxConcurrency, 0, 'maxConcurrency')],
    ['TaskTimeoutSeconds', within(settings.taskTimeoutSeconds, 1, 'taskTimeoutSeconds')],
  ]);
}

/** Step Functions takes at most 99,999,999 for each of these; a longest wait must stay below 31,622,400 s. */
function within(value: number, least: number, name: string): number {
  if (Number.isInteger(value) && value >= least && value < 31_622_399) return value;
  throw new RangeError(`${name} is ${value}; a whole number from ${least} on is needed`);
}

/**
 * Replaces every `"${Name}"` in an Amazon States Language template. Values are put in as they are, and not
 * searched for placeholders: a deploy-time token may look like one.
 *
 * @throws Error a placeholder without a value, one that is not a whole string, or a value without a placeholder
 */
export function fillIn(template: AslDefinition, values: ReadonlyMap<string, string | number>): AslDefinition {
  const used = new Set<string>();
  const fill = (value: AslValue, path: string): AslValue => {
    if (typeof value === 'string') {
      const name = /^\$\{(\w+)\}$/.exec(value)?.[1];
      const filled = name === undefined ? undefined : values.get(name);
      if (name === undefined || filled === undefined) {
        if (!value.includes('${')) return value;
        throw new Error(`${path} of the state machine has a placeholder that nothing fills in: ${value}`);
      }
      used.add(name);
      return filled;
    }
    if (Array.isArray(value)) return value.map((item, index) => fill(item, `${path}[${index}]`));
    return typeof value === 'object' && value !== null ? fillObject(value as AslDefinition, path) : value;
  };
  const fillObject = (object: AslDefinition, path: string): AslDefinition =>
    Object.fromEntries(
      Object.entries(object).map(([field, value]) => [field, fill(value, `${path}.${field}`)]),
    );

  const filled = fillObject(template, '$');
  const unused = [...values.keys()].filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`the state machine has no placeholder for ${unused.join(', ')}`);
  return filled;
}
