import { parseDocument } from 'yaml';
import { TidemarkError } from '../errors.ts';

const reference = /\$\{([^}]*)\}/g;

export type PathStep = string | number;

/** `tables[1].key`, as messages name a place in the definition. */
export const formatPath = (path: readonly PathStep[]): string =>
  path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${step}` : step),
    '',
  );

/**
 * Replaces every `${NAME}` in the strings of a parsed file by the environment's value.
 * @throws TidemarkError EnvironmentMissing, DefinitionInvalid
 */
export function resolveReferences(
  value: unknown,
  environment: Readonly<Record<string, string | undefined>>,
  path: readonly PathStep[] = [],
): unknown {
  if (typeof value === 'string') {
    return value.replace(reference, (_whole, name: string) => {
      if (!/^[A-Za-z_]\w*$/.test(name)) {
        throw new TidemarkError(
          'DefinitionInvalid',
          // not what stands there: a password may hold such characters
          `${formatPath(path)}: what stands between \${ and } is not the name of an environment variable; allowed: \${NAME}`,
        );
      }
      const found = environment[name];
      if (found === undefined || found === '') {
        throw new TidemarkError(
          'EnvironmentMissing',
          `${formatPath(path)}: the definition asks for $${name}, which is ${found === undefined ? 'not set' : 'empty'} in the environment`,
        );
      }
      return found;
    });
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => resolveReferences(item, environment, [...path, index]));
  }
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, resolveReferences(item, environment, [...path, key])]),
    );
  }
  return value;
}

const textsIn = (value: unknown): string[] => {
  if (typeof value === 'string') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(textsIn) : [];
};

/** The names of the environment variables that a definition's values refer to, each once. */
export const referencesIn = (raw: unknown): string[] => [
  ...new Set(
    textsIn(raw)
      .flatMap((text) => [...text.matchAll(reference)])
      .map((match) => match[1]!),
  ),
];

/** The same of a definition given as YAML; not those in its comments. */
export const referencedVariables = (yaml: string): string[] => referencesIn(parseDocument(yaml).toJS());
