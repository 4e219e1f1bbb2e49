/** What an expression says of an item. Pure: the tests hold it against dynalite. */
import { addDecimals, compareDecimals } from './decimal.ts';
import {
  type Assignment,
  type Condition,
  ExpressionRefused,
  type Path,
  parseCondition,
  parseUpdate,
  type Size,
  type Sum,
  type ValueName,
} from './expression.ts';

/** A value as DynamoDB's JSON protocol writes it. Sets and binaries are not among what the ledger stores. */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: true }
  | { readonly L: readonly AttributeValue[] }
  | { readonly M: Item };
export type Item = { readonly [name: string]: AttributeValue };
export type Names = Readonly<Record<string, string>>;
export type Values = Readonly<Record<string, AttributeValue>>;

const kinds: ReadonlySet<string> = new Set(['S', 'N', 'BOOL', 'NULL', 'L', 'M']);

export function kindOf(value: AttributeValue): string {
  const found = Object.keys(value);
  if (found.length !== 1 || !kinds.has(found[0]!)) {
    throw new ExpressionRefused(`an attribute of kind ${found.join(', ')} is not known here`);
  }
  return found[0]!;
}

/** Remembers what was parsed: the ledger uses the same few texts again and again. */
function remembered<T>(parse: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text) ?? parse(text);
    known.set(text, found);
    return found;
  };
}

const conditionOf = remembered(parseCondition);
const updateOf = remembered(parseUpdate);

/** Looks up what a path or placeholder stands for, and remembers which were used: DynamoDB refuses unused ones. */
function scope(names: Names, values: Values) {
  const used = new Set<string>();
  return {
    used,
    nameOf({ name }: Path): string {
      if (!name.startsWith('#')) return name;
      used.add(name);
      const found = names[name];
      if (found === undefined) throw new ExpressionRefused(`the name ${name} is not defined`);
      return found;
    },
    valueOf({ name }: ValueName): AttributeValue {
      used.add(name);
      const found = values[name];
      if (found === undefined) throw new ExpressionRefused(`the value ${name} is not defined`);
      kindOf(found);
      return found;
    },
  };
}
type Scope = ReturnType<typeof scope>;

/** @throws ExpressionRefused where a name or a value is given that no expression of the request uses */
export function refuseUnused(
  expressions: readonly (string | undefined)[],
  names: Names,
  values: Values,
): void {
  const text = ` ${expressions.join(' ')} `;
  for (const name of [...Object.keys(names), ...Object.keys(values)]) {
    if (!new RegExp(`${name}[^A-Za-z0-9_]`).test(text)) {
      throw new ExpressionRefused(`${name} is defined and not used`);
    }
  }
}

function sizeOf(value: AttributeValue | undefined): AttributeValue | undefined {
  if (value === undefined) return undefined;
  if ('S' in value) return { N: String(Buffer.byteLength(value.S)) };
  if ('L' in value) return { N: String(value.L.length) };
  if ('M' in value) return { N: String(Object.keys(value.M).length) };
  return undefined;
}

/** Null where they are of different kinds, which no comparison but <> finds true. */
function compared(a: AttributeValue, b: AttributeValue): number | null {
  if ('S' in a) return 'S' in b ? Buffer.compare(Buffer.from(a.S), Buffer.from(b.S)) : null;
  if ('N' in a) return 'N' in b ? compareDecimals(a.N, b.N) : null;
  return null;
}

function isOrdered(value: AttributeValue, by: string): void {
  if (!('S' in value) && !('N' in value)) {
    throw new ExpressionRefused(`${by} is not known for kind ${kindOf(value)}`);
  }
}

function equal(a: AttributeValue, b: AttributeValue): boolean {
  if ('BOOL' in b) return 'BOOL' in a && a.BOOL === b.BOOL;
  if ('NULL' in b) return 'NULL' in a;
  if ('L' in b || 'M' in b) throw new ExpressionRefused('lists and maps are not compared here');
  return compared(a, b) === 0;
}

function holds(item: Item, condition: Condition, around: Scope): boolean {
  const operandOf = (operand: Path | Size): AttributeValue | undefined =>
    operand.kind === 'size' ? sizeOf(item[around.nameOf(operand.path)]) : item[around.nameOf(operand)];
  switch (condition.kind) {
    case 'and': {
      // both sides are looked at: what is undefined is refused even where it would not count
      const [left, right] = [holds(item, condition.left, around), holds(item, condition.right, around)];
      return left && right;
    }
    case 'or': {
      const [left, right] = [holds(item, condition.left, around), holds(item, condition.right, around)];
      return left || right;
    }
    case 'not':
      return !holds(item, condition.of, around);
    case 'exists':
      return item[around.nameOf(condition.path)] !== undefined;
    case 'not-exists':
      return item[around.nameOf(condition.path)] === undefined;
    case 'compare': {
      const [left, right] = [operandOf(condition.left), around.valueOf(condition.right)];
      const { by } = condition;
      if (by === '=' || by === '<>') {
        const isEqual = left !== undefined && equal(left, right);
        return by === '=' ? isEqual : !isEqual;
      }
      isOrdered(right, by);
      const order = left === undefined ? null : compared(left, right);
      if (order === null) return false;
      return by === '<' ? order < 0 : by === '<=' ? order <= 0 : by === '>' ? order > 0 : order >= 0;
    }
    case 'between': {
      const [low, high] = [around.valueOf(condition.low), around.valueOf(condition.high)];
      isOrdered(low, 'BETWEEN');
      const width = compared(low, high);
      if (width === null || width > 0) {
        throw new ExpressionRefused('BETWEEN needs bounds of one kind, the lower one first');
      }
      const found = operandOf(condition.of);
      if (found === undefined) return false;
      const [above, below] = [compared(found, low), compared(found, high)];
      return above !== null && below !== null && above >= 0 && below <= 0;
    }
    case 'contains': {
      const [found, value] = [item[around.nameOf(condition.path)], around.valueOf(condition.value)];
      isOrdered(value, 'contains');
      if (found === undefined) return false;
      if ('S' in found) return 'S' in value && found.S.includes(value.S);
      return 'L' in found && found.L.some((element) => equal(element, value));
    }
    case 'begins-with': {
      const [found, value] = [item[around.nameOf(condition.path)], around.valueOf(condition.value)];
      if (!('S' in value)) throw new ExpressionRefused(`begins_with is not known for kind ${kindOf(value)}`);
      return found !== undefined && 'S' in found && found.S.startsWith(value.S);
    }
  }
}

/**
 * Whether the condition holds for the item; an item that is not there is `{}`.
 * @throws ExpressionRefused where the expression is not understood, or DynamoDB would refuse it
 */
export function conditionHolds(
  item: Item,
  condition: string,
  names: Names = {},
  values: Values = {},
): boolean {
  return holds(item, conditionOf(condition), scope(names, values));
}

function sum(item: Item, of: Sum, around: Scope): AttributeValue {
  switch (of.kind) {
    case 'path': {
      const found = item[around.nameOf(of)];
      if (found === undefined) {
        throw new ExpressionRefused(`the item has no attribute ${around.nameOf(of)}`);
      }
      return found;
    }
    case 'value':
      return around.valueOf(of);
    case 'if-not-exists':
      return item[around.nameOf(of.path)] ?? sum(item, of.otherwise, around);
    case 'sum': {
      const [left, right] = [sum(item, of.left, around), sum(item, of.right, around)];
      if (!('N' in left) || !('N' in right)) throw new ExpressionRefused('only numbers are added');
      return { N: addDecimals(left.N, right.N) };
    }
  }
}

/**
 * The item after the update; every right side reads the item as it was before.
 * @throws ExpressionRefused
 */
export function updated(item: Item, update: string, names: Names = {}, values: Values = {}): Item {
  const around = scope(names, values);
  const assignments: readonly Assignment[] = updateOf(update);
  const changes = assignments.map(
    ({ path, value }) => [around.nameOf(path), sum(item, value, around)] as const,
  );
  if (new Set(changes.map(([name]) => name)).size < changes.length) {
    throw new ExpressionRefused(`an attribute is set twice by ${update}`);
  }
  return { ...item, ...Object.fromEntries(changes) };
}
