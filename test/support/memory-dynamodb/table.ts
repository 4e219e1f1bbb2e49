/**
 * A table with the keys `pk` and `sk`, and the four operations of the ledger on it. A table is a value: an operation
 * gives the table after it, the one before stays as it was.
 */

import {
  type AttributeValue,
  conditionHolds,
  type Item,
  kindOf,
  type Names,
  refuseUnused,
  updated,
  type Values,
} from './evaluate.ts';
import type { Condition } from './expression.ts';
import { ExpressionRefused, parseCondition } from './expression.ts';

/** pk → sk → item */
export type Table = ReadonlyMap<string, ReadonlyMap<string, Item>>;

export const emptyTable: Table = new Map();

/** A request of the JSON protocol: `PutItem` and so on, and its input. */
export type Operation = { readonly name: string; readonly input: Input };

export type Input = {
  readonly TableName?: string;
  readonly Key?: Item;
  readonly Item?: Item;
  readonly ConditionExpression?: string;
  readonly UpdateExpression?: string;
  readonly KeyConditionExpression?: string;
  readonly ExpressionAttributeNames?: Names;
  readonly ExpressionAttributeValues?: Values;
  readonly ReturnValues?: string;
  readonly ReturnValuesOnConditionCheckFailure?: string;
  readonly ConsistentRead?: boolean;
  readonly ScanIndexForward?: boolean;
  readonly Limit?: number;
  readonly ExclusiveStartKey?: Item;
};

export type Output = {
  readonly Item?: Item;
  readonly Items?: readonly Item[];
  readonly Count?: number;
  readonly ScannedCount?: number;
  readonly Attributes?: Item;
  readonly LastEvaluatedKey?: Item;
};

export type Answer =
  | { readonly status: 'done'; readonly output: Output }
  | { readonly status: 'condition-failed'; readonly item: Item | undefined }
  /** a ValidationException, or more than this double knows */
  | { readonly status: 'refused'; readonly message: string };

export type Step = { readonly table: Table; readonly answer: Answer };

const knownInputs: Readonly<Record<string, readonly (keyof Input)[]>> = {
  GetItem: ['TableName', 'Key', 'ConsistentRead'],
  PutItem: [
    'TableName',
    'Item',
    'ConditionExpression',
    'ExpressionAttributeNames',
    'ExpressionAttributeValues',
    'ReturnValuesOnConditionCheckFailure',
  ],
  UpdateItem: [
    'TableName',
    'Key',
    'ConditionExpression',
    'UpdateExpression',
    'ExpressionAttributeNames',
    'ExpressionAttributeValues',
    'ReturnValues',
    'ReturnValuesOnConditionCheckFailure',
  ],
  Query: [
    'TableName',
    'KeyConditionExpression',
    'ExpressionAttributeNames',
    'ExpressionAttributeValues',
    'ConsistentRead',
    'ScanIndexForward',
    'Limit',
    'ExclusiveStartKey',
  ],
};

/** Whether an operation changes nothing: a read may be repeated, lost or forgotten. */
export const isRead = (name: string): boolean => name === 'GetItem' || name === 'Query';

const textOf = (item: Item | undefined, name: string): string => {
  const value = item?.[name];
  if (value === undefined || !('S' in value) || value.S === '') {
    throw new ExpressionRefused(`the key's ${name} is not a text`);
  }
  return value.S;
};

export const itemAt = (table: Table, pk: string, sk: string): Item | undefined => table.get(pk)?.get(sk);

export const withItem = (table: Table, pk: string, sk: string, item: Item): Table =>
  new Map(table).set(pk, new Map(table.get(pk)).set(sk, item));

function write(table: Table, name: string, input: Input): Step {
  const [pk, sk] = [textOf(input.Item ?? input.Key, 'pk'), textOf(input.Item ?? input.Key, 'sk')];
  const { ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = input;
  refuseUnused([input.ConditionExpression, input.UpdateExpression], names, values);
  const before = itemAt(table, pk, sk);
  const isMet =
    input.ConditionExpression === undefined ||
    conditionHolds(before ?? {}, input.ConditionExpression, names, values);
  if (!isMet) {
    const item = input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' ? before : undefined;
    return { table, answer: { status: 'condition-failed', item } };
  }
  if (name === 'PutItem') {
    for (const value of Object.values(input.Item!)) kindOf(value);
    return { table: withItem(table, pk, sk, input.Item!), answer: { status: 'done', output: {} } };
  }
  if (input.UpdateExpression === undefined) throw new ExpressionRefused('an update without its expression');
  const item = updated(before ?? input.Key!, input.UpdateExpression, names, values);
  if (textOf(item, 'pk') !== pk || textOf(item, 'sk') !== sk) {
    throw new ExpressionRefused('an update cannot change the key');
  }
  const returned = input.ReturnValues ?? 'NONE';
  if (returned !== 'NONE' && returned !== 'ALL_NEW') {
    throw new ExpressionRefused(`ReturnValues ${returned} is not known here`);
  }
  const output = returned === 'ALL_NEW' ? { Attributes: item } : {};
  return { table: withItem(table, pk, sk, item), answer: { status: 'done', output } };
}

/** A key condition names one partition, and perhaps a range in it. */
function partitionOf(condition: Condition, values: Values): string {
  const sides = condition.kind === 'and' ? [condition.left, condition.right] : [condition];
  const [first, range] = sides;
  if (
    first?.kind !== 'compare' ||
    first.by !== '=' ||
    first.left.kind !== 'path' ||
    first.left.name !== 'pk'
  ) {
    throw new ExpressionRefused('a key condition begins with pk = :value');
  }
  const isRange =
    range === undefined ||
    (range.kind === 'between' && range.of.kind === 'path' && range.of.name === 'sk') ||
    (range.kind === 'begins-with' && range.path.name === 'sk') ||
    (range.kind === 'compare' && range.by !== '<>' && range.left.kind === 'path' && range.left.name === 'sk');
  if (!isRange) throw new ExpressionRefused('a key condition goes on with a range of sk');
  return textOf({ pk: values[first.right.name]! }, 'pk');
}

function query(table: Table, input: Input): Answer {
  const { KeyConditionExpression: condition, ExpressionAttributeValues: values = {} } = input;
  const names = input.ExpressionAttributeNames ?? {};
  if (condition === undefined) throw new ExpressionRefused('a query without its key condition');
  refuseUnused([condition], names, values);
  const pk = partitionOf(parseCondition(condition), values);
  const isForward = input.ScanIndexForward !== false;
  const start = input.ExclusiveStartKey && Buffer.from(textOf(input.ExclusiveStartKey, 'sk'));
  const found = [...(table.get(pk) ?? [])]
    .map(([sk, item]) => ({ sk: Buffer.from(sk), item }))
    .sort((a, b) => Buffer.compare(a.sk, b.sk) * (isForward ? 1 : -1))
    .filter(({ sk }) => !start || Buffer.compare(sk, start) * (isForward ? 1 : -1) > 0)
    .map(({ item }) => item)
    .filter((item) => conditionHolds(item, condition, names, values));
  const page = found.slice(0, input.Limit ?? found.length);
  const last = page.at(-1);
  // as DynamoDB does it: a page that is full says that there may be more, even where nothing comes
  const isFull = last !== undefined && page.length === input.Limit;
  return {
    status: 'done',
    output: {
      Items: page,
      Count: page.length,
      ScannedCount: page.length,
      ...(isFull && { LastEvaluatedKey: { pk: last.pk!, sk: last.sk! } }),
    },
  };
}

/** Does an operation. Pure. What this double does not know is answered with `refused`, never half done. */
export function perform(table: Table, { name, input }: Operation): Step {
  try {
    const known = knownInputs[name];
    if (!known) throw new ExpressionRefused(`the operation ${name} is not known here`);
    const strange = Object.keys(input).find((field) => !known.includes(field as keyof Input));
    if (strange !== undefined) throw new ExpressionRefused(`${name} with ${strange} is not known here`);
    if (name === 'GetItem') {
      const item = itemAt(table, textOf(input.Key, 'pk'), textOf(input.Key, 'sk'));
      return { table, answer: { status: 'done', output: item ? { Item: item } : {} } };
    }
    if (name === 'Query') return { table, answer: query(table, input) };
    return write(table, name, input);
  } catch (error) {
    if (!(error instanceof ExpressionRefused)) throw error;
    return { table, answer: { status: 'refused', message: error.message } };
  }
}

export type { AttributeValue, Item };
