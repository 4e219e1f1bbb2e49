import jsonata from 'jsonata';
import { StateFailed } from './failure.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** What an expression sees as `$states`. */
export type StatesVariable = { readonly input: Json; readonly result?: Json; readonly context: Json };

/** A value in which every string in `{% %}` is a JSONata expression. */
export type Template = {
  /** @throws StateFailed States.QueryEvaluationError when an expression fails or gives nothing */
  evaluate(states: StatesVariable): Promise<Json>;
};

/**
 * @param field where it stands in its state, for messages
 * @param refuse called with the reason where an expression cannot be one
 */
export function compileTemplate(
  value: Json,
  field: string,
  refuse: (reason: string, at: string) => never,
): Template {
  if (typeof value === 'string') return compileString(value, field, refuse);
  if (Array.isArray(value)) {
    const items = value.map((item: Json, index) => compileTemplate(item, `${field}[${index}]`, refuse));
    return { evaluate: (states) => Promise.all(items.map((item) => item.evaluate(states))) };
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(
      ([name, part]) => [name, compileTemplate(part, `${field}/${name}`, refuse)] as const,
    );
    return {
      evaluate: async (states) => {
        const parts = await Promise.all(
          fields.map(async ([name, part]) => [name, await part.evaluate(states)] as const),
        );
        return Object.fromEntries(parts);
      },
    };
  }
  return { evaluate: async () => value };
}

function compileString(text: string, field: string, refuse: (reason: string, at: string) => never): Template {
  const opened = text.startsWith('{%');
  if (!opened && !text.endsWith('%}')) return { evaluate: async () => text };
  if (!opened || !text.endsWith('%}') || text.length < 4) {
    return refuse('A JSONata expression stands between {% and %}, with nothing around them', field);
  }
  const source = text.slice(2, -2).trim();
  const expression = compileExpression(source, field, refuse);
  const failed = (reason: string) =>
    new StateFailed(
      'States.QueryEvaluationError',
      `The JSONata expression '${source}' specified for the field '${field}' ${reason}`,
    );
  return {
    async evaluate(states) {
      let result: unknown;
      try {
        result = await expression.evaluate(undefined, { states });
      } catch (error) {
        throw failed(`threw an error during evaluation. ${messageOf(error)}`);
      }
      // JSONata's sequences carry fields of their own, which JSON leaves out
      const json = JSON.stringify(result, (_, value: unknown) => {
        if (isFunction(value)) throw failed('returned a function.');
        return value;
      });
      if (json === undefined) throw failed('returned nothing (undefined).');
      return JSON.parse(json) as Json;
    },
  };
}

function compileExpression(source: string, field: string, refuse: (reason: string, at: string) => never) {
  try {
    return jsonata(source);
  } catch (error) {
    return refuse(`Not a JSONata expression: ${messageOf(error)}`, field);
  }
}

// functions are values in JSONata
function isFunction(value: unknown): boolean {
  if (typeof value === 'function') return true;
  return (
    typeof value === 'object' &&
    value !== null &&
    ('_jsonata_lambda' in value || '_jsonata_function' in value)
  );
}

// JSONata throws objects of its own, which are not Errors
function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error);
}
