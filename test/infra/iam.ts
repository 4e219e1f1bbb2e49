/** As much of IAM as the roles of this project use: statements, wildcards, two conditions. Anything else is refused. */
import type { Synthesized } from './template.ts';

export type Statement = {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** operator → key → values */
  readonly conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
};

/** What a call asks of IAM. */
export type Ask = {
  readonly action: string;
  readonly resource: string;
  /** values of condition keys */
  readonly context: Readonly<Record<string, readonly string[]>>;
};

type Document = {
  readonly Statement: readonly {
    readonly Effect: 'Allow' | 'Deny';
    readonly Action: string | readonly string[];
    readonly Resource: string | readonly string[];
    readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  }[];
};

const list = <Item>(value: Item | readonly Item[]): readonly Item[] =>
  Array.isArray(value) ? (value as readonly Item[]) : [value as Item];

/** All statements of a role: its own, and those of the policies that are attached to it. No managed ones are known. */
export function statementsOf(stack: Synthesized, roleId: string): Statement[] {
  const { Properties: role } = stack.resources[roleId]!;
  if (role.ManagedPolicyArns) throw new Error(`${roleId} has managed policies`);
  const inline = ((role.Policies ?? []) as { PolicyDocument: unknown }[]).map((each) => each.PolicyDocument);
  const attached = stack
    .ofType('AWS::IAM::Policy')
    .filter(([, { Properties }]) =>
      (Properties.Roles as { Ref: string }[]).some((each) => each.Ref === roleId),
    )
    .map(([, { Properties }]) => Properties.PolicyDocument);
  return [...inline, ...attached].flatMap((document) =>
    (stack.resolve(document) as Document).Statement.map((each) => ({
      effect: each.Effect,
      actions: list(each.Action),
      resources: list(each.Resource),
      conditions: Object.fromEntries(
        Object.entries(each.Condition ?? {}).map(([operator, keys]) => [
          operator,
          Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, list(values)])),
        ]),
      ),
    })),
  );
}

const matches = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  ).test(text);

function holds(statement: Statement, context: Ask['context']): boolean {
  return Object.entries(statement.conditions).every(([operator, keys]) =>
    Object.entries(keys).every(([key, allowed]) => {
      const values = context[key] ?? [];
      const isAllowed = (value: string) => allowed.some((pattern) => matches(pattern, value));
      switch (operator) {
        case 'StringEquals':
        case 'StringLike':
        case 'ArnEquals':
          return values.length > 0 && values.every(isAllowed);
        case 'ForAllValues:StringLike':
          // IAM lets no value at all pass: that a call has one is the recorder's to see to
          return values.every(isAllowed);
        default:
          throw new Error(`the condition ${operator} is not known here`);
      }
    }),
  );
}

/** The statements that speak of what is asked. */
export const speakingOf = (statements: readonly Statement[], ask: Ask): Statement[] =>
  statements.filter(
    (statement) =>
      statement.actions.some((action) => matches(action.toLowerCase(), ask.action.toLowerCase())) &&
      statement.resources.some((resource) => matches(resource, ask.resource)) &&
      holds(statement, ask.context),
  );

/** Denied by default, allowed by an Allow, denied again by a Deny. */
export function isAllowed(statements: readonly Statement[], ask: Ask): boolean {
  const speaking = speakingOf(statements, ask);
  return (
    speaking.some(({ effect }) => effect === 'Allow') && !speaking.some(({ effect }) => effect === 'Deny')
  );
}

/** One grant: an action on one resource, or on one value of a condition on it. */
export type Grant = { readonly action: string; readonly on: string; readonly asks: (ask: Ask) => boolean };

/** What the statements allow, taken apart: each of these must be used by somebody, or it is too much. */
export const grantsOf = (statements: readonly Statement[]): Grant[] =>
  statements
    .filter(({ effect }) => effect === 'Allow')
    .flatMap((statement) =>
      statement.actions.flatMap((action) =>
        statement.resources.flatMap((resource) => {
          const narrowed = Object.values(statement.conditions)
            .flatMap((keys) => Object.entries(keys))
            .filter(([key]) => key === 's3:prefix' || key === 'dynamodb:LeadingKeys')
            .flatMap(([key, values]) => values.map((value) => [key, value] as const));
          const asks = (ask: Ask) => matches(action, ask.action) && matches(resource, ask.resource);
          if (narrowed.length === 0) return [{ action, on: resource, asks }];
          return narrowed.map(([key, value]) => ({
            action,
            on: `${resource} ${value}`,
            asks: (ask: Ask) => asks(ask) && (ask.context[key] ?? []).some((each) => matches(value, each)),
          }));
        }),
      ),
    );
