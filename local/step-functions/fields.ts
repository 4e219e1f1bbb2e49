import { ApiError } from './failure.ts';
import type { Json } from './template.ts';

export type Fields = { readonly [name: string]: Json };

/** The `__type` and the words with which CreateStateMachine refuses a definition. */
export function refuse(reason: string, path: string): never {
  throw new ApiError(
    'InvalidDefinition',
    `Invalid State Machine Definition: '${reason} at ${path === '' ? '/' : path}'`,
  );
}

/** The fields of an object: all required ones, and none that is not known. */
export function fieldsOf(
  value: Json | undefined,
  path: string,
  required: readonly string[],
  optional: readonly string[] | 'any',
): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('SCHEMA_VALIDATION_FAILED: an object is needed', path);
  }
  const fields = value as Fields;
  const missing = required.find((name) => fields[name] === undefined);
  if (missing !== undefined) refuse(`SCHEMA_VALIDATION_FAILED: '${missing}' is missing`, path);
  if (optional !== 'any') {
    const unknown = Object.keys(fields).find((name) => !required.includes(name) && !optional.includes(name));
    if (unknown !== undefined) refuse(`The field '${unknown}' is not supported here`, `${path}/${unknown}`);
  }
  return fields;
}

export function nextOf(fields: Fields, path: string): string | null {
  if ((fields.End === true) === (fields.Next !== undefined))
    refuse('Either Next or "End": true is needed', path);
  return fields.Next === undefined ? null : textOf(fields.Next, `${path}/Next`);
}

export function textOf(value: Json | undefined, path: string): string {
  return typeof value === 'string' && value !== '' ? value : refuse('A text is needed', path);
}

export function literally(value: Json | undefined, only: string, path: string): void {
  if (value !== only) refuse(`Only ${only} is supported`, path);
}

export function numberOf(value: Json | undefined, path: string, least: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= 99_999_999)
    return value;
  return refuse(`A whole number from ${least} to 99999999 is needed`, path);
}
