import { ApiError } from './failure.ts';

/** The body of a request, as the SDK's client serializes it. */
export type Parameters = { readonly [name: string]: unknown };

export function text(parameters: Parameters, name: string): string {
  const value = optionalText(parameters, name);
  if (value !== undefined) return value;
  throw new ApiError('ValidationException', `'${name}' is required`);
}

export function optionalText(parameters: Parameters, name: string): string | undefined {
  const value = parameters[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw new ApiError('ValidationException', `'${name}' must be a string`);
}

/** What a request may not carry here, because AWS would do something about it that this does not. */
export function unsupported(parameters: Parameters, ...names: string[]): void {
  const name = names.find((each) => parameters[each] !== undefined && parameters[each] !== false);
  if (name !== undefined)
    throw new ApiError('ValidationException', `'${name}' is not supported by the embedded cloud`);
}

const pageMax = 1000;

/**
 * One page of a list, by the request's `maxResults` and `nextToken`. A token is the id of the last item before: what
 * is added in front of the list meanwhile moves nothing.
 */
export function page<T>(
  parameters: Parameters,
  items: readonly T[],
  idOf: (item: T) => string,
): { readonly items: readonly T[]; readonly nextToken?: string } {
  const asked = parameters.maxResults ?? 0;
  if (typeof asked !== 'number' || !Number.isInteger(asked) || asked < 0 || asked > pageMax) {
    throw new ApiError('ValidationException', `'maxResults' must be a whole number from 0 to ${pageMax}`);
  }
  const token = optionalText(parameters, 'nextToken');
  const from = token === undefined ? 0 : items.findIndex((item) => idOf(item) === token) + 1;
  if (token !== undefined && from === 0) throw new ApiError('InvalidToken', `Invalid Token: '${token}'`);
  const to = from + (asked === 0 ? 100 : asked);
  const found = items.slice(from, to);
  const last = found.at(-1);
  return to < items.length && last !== undefined ? { items: found, nextToken: idOf(last) } : { items: found };
}

/** Times go over the wire in seconds. */
export const seconds = (ms: number): number => ms / 1000;
