import { z } from 'zod';
import { TidemarkError } from '../errors.ts';
import { nearestWord } from '../nearest.ts';
import { withSchemas } from './default-schema.ts';
import { asDeployed, type Credentials } from './deployed-source.ts';
import { type Place, readDocument, valueAt } from './document.ts';
import { type Definition, definitionOptions } from './options.ts';
import { resolveReferences } from './references.ts';
import { brokenRules } from './rules.ts';

type Issue = z.core.$ZodIssue;

/** The schema below wrappers such as defaults and preprocessing. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const def = schema._zod.def as { type: string; innerType?: z.core.$ZodType; out?: z.core.$ZodType };
  if (def.innerType) return unwrap(def.innerType);
  if (def.type === 'pipe' && def.out) return unwrap(def.out);
  return schema;
}

/** The groups of options that may stand where this one is declared: several, where its `type` says which. */
function groupsOf(schema: z.core.$ZodType): z.ZodObject[] {
  if (schema instanceof z.ZodObject) return [schema];
  return schema instanceof z.ZodDiscriminatedUnion ? (schema.options as z.ZodObject[]) : [];
}

/** What is declared at a path of the definition; null: nothing. */
function schemaAt(path: readonly PropertyKey[]): z.core.$ZodType | null {
  let schema: z.core.$ZodType = definitionOptions;
  for (const step of path) {
    const inner = unwrap(schema);
    const next: z.core.$ZodType | undefined =
      inner instanceof z.ZodArray
        ? inner.element
        : groupsOf(inner).find(({ shape }) => String(step) in shape)?.shape[String(step)];
    if (!next) return null;
    schema = next;
  }
  return schema;
}

/** @param value what stands there: where its `type` says which options there are */
function knownOptions(path: readonly PropertyKey[], value?: unknown): string[] {
  const schema = schemaAt(path);
  const groups = schema ? groupsOf(unwrap(schema)) : [];
  const found = typeof value === 'string' ? value : valueAt(value, ['type']);
  const chosen = groups.length > 1 ? groups.filter(({ shape }) => isType(shape.type, found)) : groups;
  return [...new Set(chosen.flatMap(({ shape }) => Object.keys(shape)))];
}

const isType = (declared: unknown, value: unknown): boolean =>
  declared instanceof z.ZodLiteral && declared.values.has(value as string);

/** The values of `type` that are allowed at a path. */
function knownTypes(path: readonly PropertyKey[]): string[] {
  const schema = schemaAt(path.slice(0, -1));
  return (schema ? groupsOf(unwrap(schema)) : []).flatMap(({ shape }) =>
    shape.type instanceof z.ZodLiteral ? [...shape.type.values].map(String) : [],
  );
}

/** What the option at a path is for, in brackets: its description's first sentence. */
function purposeOf(path: readonly PropertyKey[]): string {
  const schema = schemaAt(path);
  const description = (schema && z.globalRegistry.get(schema)?.description) ?? '';
  const [sentence = ''] = /^.*?(?=\.(?:\s|$))/s.exec(description) ?? [];
  return sentence && ` (${sentence.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())})`;
}

/** Whether a text may hold a password: an address that is not plain s3://, and whatever is said about the source. */
const mayBeSecret = (text: string, path: readonly PropertyKey[]): boolean =>
  /:\/\//.test(text.replace(/^s3:\/\/(?!.*@)/, '')) || (path[0] === 'source' && path[1] !== 'type');

/** What stood there, for a message, without secrets: with `raw` values, so that `${NAME}` stays as it is. */
function shown(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined) return 'nothing stands there';
  if (value === null) return 'an empty value stands there';
  if (Array.isArray(value)) return 'a list stands there';
  if (typeof value === 'object') return 'a group of options stands there';
  if (typeof value === 'string' && mayBeSecret(value, path)) return 'a text of another form stands there';
  return `${JSON.stringify(value)} stands there`;
}

const kinds: Readonly<Record<string, string>> = {
  object: 'a group of options',
  array: 'a list',
  record: 'a group, with a word for each column',
  string: 'a text',
  int: 'a whole number',
  boolean: 'true or false',
};

function allowed(issue: Issue, known: string): string {
  switch (issue.code) {
    case 'invalid_type':
      return `allowed is ${kinds[issue.expected] ?? `a ${issue.expected}`}`;
    case 'invalid_value':
      return `allowed: ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return issue.origin === 'array'
        ? `allowed: at least ${issue.minimum} of them`
        : issue.origin === 'string'
          ? 'allowed: a text that is not empty'
          : `allowed: ${issue.inclusive === false ? `more than ${issue.minimum}` : `${issue.minimum} or more`}`;
    case 'too_big':
      return `allowed: at most ${issue.maximum}`;
    case 'invalid_union':
      if (issue.discriminator !== undefined) return `allowed: ${knownTypes(issue.path).join(', ')}`;
      return 'allowed: a number of bytes, with or without a unit: 67108864, 64MiB, 1GiB';
    default:
      return `allowed: ${known || issue.message}`;
  }
}

function explain(issue: Issue, value: unknown, place: Place): string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownOptions(issue.path, valueAt(value, issue.path));
    return issue.keys.map((key) => {
      const near = nearestWord(key, known);
      const hint = near ? `did you mean ${near}? ` : '';
      const named = mayBeSecret(key, []) ? '' : ` ${JSON.stringify(key)}`;
      const at = place(named ? [...issue.path, key] : issue.path);
      return `${at}: unknown option${named}; ${hint}known here: ${known.join(', ')}`;
    });
  }
  if (issue.code === 'invalid_key') {
    const key = String(issue.path.at(-1));
    const named = mayBeSecret(key, []) ? 'what' : JSON.stringify(key);
    return [`${place(issue.path)}: ${named} stands there as a name; allowed: ${issue.issues[0]?.message}`];
  }
  if (issue.code === 'custom' && issue.params?.whole) return [`${place(issue.path)}: ${issue.message}`];
  const above = valueAt(value, issue.path.slice(0, -1));
  // `catalog: hive` is short for its type
  const isShort = issue.path.at(-1) === 'type' && typeof above === 'string';
  const found = isShort ? above : valueAt(value, issue.path);
  const at = isShort ? issue.path.slice(0, -1) : issue.path;
  const words =
    issue.code === 'invalid_value'
      ? issue.values.map(String)
      : issue.code === 'invalid_union' && issue.discriminator !== undefined
        ? knownTypes(issue.path)
        : [];
  const near = typeof found === 'string' ? nearestWord(found, words) : null;
  const purpose = found === undefined ? purposeOf(issue.path) : '';
  const hint = near ? `; did you mean ${near}?` : '';
  return [`${place(at)}: ${shown(found, issue.path)}; ${allowed(issue, '')}${purpose}${hint}`];
}

/**
 * Reads a sync definition.
 * @param text the YAML of `file`, which messages name
 * @param environment where `${NAME}` is looked up; null leaves references as they stand, for those who need
 *   neither the source nor its address
 * @param credentials what the source is logged in to with; other than `url` in deployed functions only, which then
 *   read source.url as `asDeployed` says
 * @throws TidemarkError DefinitionInvalid (with every problem that was found), EnvironmentMissing
 */
export function loadDefinition(
  text: string,
  file: string,
  environment: Readonly<Record<string, string | undefined>> | null,
  credentials: Credentials = 'url',
): Definition {
  const { raw, place } = readDocument(text, file);
  if (raw === null) {
    throw new TidemarkError(
      'DefinitionInvalid',
      `${file}: the file holds no options; allowed at the top: ${knownOptions([]).join(', ')}`,
    );
  }
  let value = asDeployed(raw, credentials);
  if (environment) {
    try {
      value = resolveReferences(value, environment);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      throw new TidemarkError(error.code, `${file}: ${error.message}`);
    }
  }
  const result = definitionOptions.safeParse(value);
  const definition = result.success ? withSchemas(result.data, raw) : null;
  const problems = definition
    ? brokenRules(definition, raw, place, credentials)
    : result.error!.issues.flatMap((issue) => explain(issue, raw, place));
  if (definition && problems.length === 0) return definition;
  throw new TidemarkError('DefinitionInvalid', problems.join('\n'));
}
