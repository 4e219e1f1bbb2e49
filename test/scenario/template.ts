/** What a synthesized template says of the schedule and of who is told of failures, as AWS would act on it. */
import type { Template } from 'aws-cdk-lib/assertions';

/** As EventBridge delivers it. */
export type ExecutionEvent = {
  readonly source: 'aws.states';
  readonly 'detail-type': 'Step Functions Execution Status Change';
  readonly detail: {
    readonly executionArn: string;
    readonly stateMachineArn: string;
    readonly name: string;
    readonly status: string;
  };
};

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type Resource = { readonly Type: string; readonly Properties: { readonly [name: string]: Json } };

const resourcesOf = (template: Template): Readonly<Record<string, Resource>> => template.toJSON().Resources;

const isObject = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What CloudFormation would put in place of its functions. Only what these templates use. */
function resolved(template: Template, stateMachineArn: string, value: Json): Json {
  const again = (inner: Json): Json => resolved(template, stateMachineArn, inner);
  if (Array.isArray(value)) return value.map(again);
  if (!isObject(value)) return value;
  const [, , , region = '', account = ''] = stateMachineArn.split(':');
  if (typeof value.Ref === 'string') {
    const pseudo: Readonly<Record<string, string>> = {
      'AWS::Region': region,
      'AWS::AccountId': account,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
    };
    if (pseudo[value.Ref] !== undefined) return pseudo[value.Ref]!;
    if (resourcesOf(template)[value.Ref]?.Type === 'AWS::StepFunctions::StateMachine') return stateMachineArn;
    throw new Error(`Ref ${value.Ref} is not known here`);
  }
  if ('Fn::Join' in value) {
    const [separator, parts] = value['Fn::Join'] as [string, Json[]];
    return parts.map(again).join(separator);
  }
  const unknown = Object.keys(value).find((name) => name.startsWith('Fn::'));
  if (unknown) throw new Error(`${unknown} is not known here`);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, again(inner)]));
}

const only = (template: Template, type: string): Resource => {
  const found = Object.values(resourcesOf(template)).filter(({ Type }) => Type === type);
  if (found.length !== 1) throw new Error(`the template has ${found.length} of ${type}`);
  return found[0]!;
};

/** What Scheduler starts, and with what: `Target` of the schedule. */
export function scheduleOf(
  template: Template,
  stateMachineArn: string,
): { readonly stateMachineArn: string; readonly input: string; readonly state: string } {
  const { Target, State } = only(template, 'AWS::Scheduler::Schedule').Properties;
  const { Arn, Input } = Target as { readonly [name: string]: Json };
  return {
    stateMachineArn: String(resolved(template, stateMachineArn, Arn!)),
    input: String(resolved(template, stateMachineArn, Input!)),
    state: String(State ?? 'ENABLED'),
  };
}

/** EventBridge's patterns, as far as they are lists of plain values. */
function matches(pattern: Json, value: unknown): boolean {
  if (Array.isArray(pattern)) {
    if (pattern.some(isObject)) throw new Error('only plain values of event patterns are known here');
    return pattern.includes(value as Json);
  }
  if (!isObject(pattern)) throw new Error('an event pattern has lists as its leaves');
  return Object.entries(pattern).every(([name, inner]) =>
    matches(inner, (value as Record<string, unknown> | undefined)?.[name]),
  );
}

const at = (path: string, event: ExecutionEvent): string =>
  String(
    path
      .replace(/^\$\./, '')
      .split('.')
      .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], event),
  );

/** The texts that the rule's targets get of an event; none where the rule does not match it. */
export function noticesOf(template: Template, stateMachineArn: string, event: ExecutionEvent): string[] {
  const { EventPattern, Targets, State } = only(template, 'AWS::Events::Rule').Properties;
  if (State !== 'ENABLED') return [];
  if (!matches(resolved(template, stateMachineArn, EventPattern!), event)) return [];
  return (Targets as { InputTransformer: Json }[]).map(({ InputTransformer }) => {
    const { InputPathsMap, InputTemplate } = resolved(template, stateMachineArn, InputTransformer) as {
      InputPathsMap: Record<string, string>;
      InputTemplate: string;
    };
    return InputTemplate.replaceAll(/<([\w-]+)>/g, (_, name: string) => at(InputPathsMap[name]!, event));
  });
}
