/**
 * DynamoDB's expression language, as far as the ledger speaks it. A condition:
 *
 *     condition  = and {OR and}            and = not {AND not}            not = [NOT] term
 *     term       = "(" condition ")" | operand (= | <> | < | <= | > | >=) :value | operand BETWEEN :value AND :value
 *                | attribute_exists(path) | attribute_not_exists(path) | contains(path, :value) | begins_with(path, :value)
 *     operand    = path | size(path)       path = a name or a #placeholder, of the top level
 *
 * and an update: `SET path = sum {, path = sum}`, sum = operand [+ operand], operand = path | :value |
 * if_not_exists(path, operand). Everything else is refused loudly: an expression that is half understood would be a
 * wrong answer to a test.
 */

export type Path = { readonly kind: 'path'; readonly name: string };
export type ValueName = { readonly kind: 'value'; readonly name: string };
export type Size = { readonly kind: 'size'; readonly path: Path };
export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition }
  | {
      readonly kind: 'compare';
      readonly by: Comparison;
      readonly left: Path | Size;
      readonly right: ValueName;
    }
  | {
      readonly kind: 'between';
      readonly of: Path | Size;
      readonly low: ValueName;
      readonly high: ValueName;
    }
  | { readonly kind: 'exists' | 'not-exists'; readonly path: Path }
  | { readonly kind: 'contains' | 'begins-with'; readonly path: Path; readonly value: ValueName };

export type UpdateOperand =
  | Path
  | ValueName
  | { readonly kind: 'if-not-exists'; readonly path: Path; readonly otherwise: UpdateOperand };
export type Sum =
  | UpdateOperand
  | { readonly kind: 'sum'; readonly left: UpdateOperand; readonly right: UpdateOperand };
export type Assignment = { readonly path: Path; readonly value: Sum };

/** What DynamoDB would call a ValidationException, or what this grammar does not know. */
export class ExpressionRefused extends Error {}

const tokenPattern = /\s*(?:([#:]?[A-Za-z_][A-Za-z0-9_]*|[#:][0-9][A-Za-z0-9_]*)|(<>|<=|>=|[=<>(),+]))/y;

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  tokenPattern.lastIndex = 0;
  const end = text.trimEnd().length;
  while (tokenPattern.lastIndex < end) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(text);
    if (!match) throw new ExpressionRefused(`not understood: ${text.slice(at)} (in ${text})`);
    tokens.push(match[1] ?? match[2]!);
  }
  return tokens;
}

const comparisons: ReadonlySet<string> = new Set<Comparison>(['=', '<>', '<', '<=', '>', '>=']);
const keywords: ReadonlySet<string> = new Set(['AND', 'OR', 'NOT', 'BETWEEN', 'SET']);

function reader(text: string) {
  const tokens = tokensOf(text);
  let at = 0;
  const refuse = (expected: string): never => {
    throw new ExpressionRefused(
      `${expected} expected where ${tokens[at] ?? 'the end'} stands (token ${at + 1} of ${text})`,
    );
  };
  const peek = (): string | undefined => tokens[at];
  const isWord = (word: string): boolean => peek()?.toUpperCase() === word;
  const take = (word: string): boolean => {
    const found = isWord(word);
    if (found) at++;
    return found;
  };
  const must = (word: string): void => {
    if (!take(word)) refuse(word);
  };
  const isName = (token: string | undefined): token is string =>
    token !== undefined && /^#?[A-Za-z0-9_]/.test(token) && !keywords.has(token.toUpperCase());
  const path = (): Path => {
    const token = peek();
    if (!isName(token)) return refuse('an attribute’s name');
    at++;
    return { kind: 'path', name: token };
  };
  const value = (): ValueName => {
    const token = peek();
    if (!token?.startsWith(':')) return refuse('a :value');
    at++;
    return { kind: 'value', name: token };
  };
  /** A function's name is case-sensitive, and a bracket follows it. */
  const call = (name: string): boolean => {
    const found = peek() === name && tokens[at + 1] === '(';
    if (found) at += 2;
    return found;
  };
  const end = (): void => {
    if (at < tokens.length) refuse('the end');
  };
  return { peek, take, must, path, value, call, end, refuse, advance: () => at++ };
}

export function parseCondition(text: string): Condition {
  const { peek, take, must, path, value, call, end, refuse, advance } = reader(text);

  function term(): Condition {
    if (take('(')) {
      const inner = disjunction();
      must(')');
      return inner;
    }
    for (const [name, kind] of [
      ['attribute_exists', 'exists'],
      ['attribute_not_exists', 'not-exists'],
    ] as const) {
      if (!call(name)) continue;
      const found = path();
      must(')');
      return { kind, path: found };
    }
    for (const [name, kind] of [
      ['contains', 'contains'],
      ['begins_with', 'begins-with'],
    ] as const) {
      if (!call(name)) continue;
      const found = path();
      must(',');
      const operand = value();
      must(')');
      return { kind, path: found, value: operand };
    }
    let operand: Path | Size;
    if (call('size')) {
      operand = { kind: 'size', path: path() };
      must(')');
    } else {
      operand = path();
    }
    if (take('BETWEEN')) {
      const low = value();
      must('AND');
      return { kind: 'between', of: operand, low, high: value() };
    }
    const by = peek();
    if (by === undefined || !comparisons.has(by)) return refuse('a comparison');
    advance();
    return { kind: 'compare', by: by as Comparison, left: operand, right: value() };
  }
  const negation = (): Condition => (take('NOT') ? { kind: 'not', of: negation() } : term());
  function conjunction(): Condition {
    let left = negation();
    while (take('AND')) left = { kind: 'and', left, right: negation() };
    return left;
  }
  function disjunction(): Condition {
    let left = conjunction();
    while (take('OR')) left = { kind: 'or', left, right: conjunction() };
    return left;
  }
  const condition = disjunction();
  end();
  return condition;
}

export function parseUpdate(text: string): Assignment[] {
  const { peek, take, must, path, value, call, end } = reader(text);

  function operand(): UpdateOperand {
    if (call('if_not_exists')) {
      const found = path();
      must(',');
      const otherwise = operand();
      must(')');
      return { kind: 'if-not-exists', path: found, otherwise };
    }
    return peek()?.startsWith(':') ? value() : path();
  }
  function assignment(): Assignment {
    const target = path();
    must('=');
    const left = operand();
    return { path: target, value: take('+') ? { kind: 'sum', left, right: operand() } : left };
  }
  must('SET');
  const assignments = [assignment()];
  while (take(',')) assignments.push(assignment());
  end();
  return assignments;
}
