import { z } from 'zod';
import { definitionOptions } from './options.ts';

type JsonSchema = {
  readonly type?: string;
  readonly enum?: readonly (string | number)[];
  readonly const?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  /** false, or what each value of a group is whose names are the user's */
  readonly additionalProperties?: boolean | JsonSchema;
  readonly required?: readonly string[];
};

const typeOf = (group: JsonSchema): string => `\`${group.properties?.type?.const}\``;

function kindOf(schema: JsonSchema): string {
  if (schema.oneOf) return 'text, or group';
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(', ');
  if (schema.anyOf) return 'bytes: `67108864`, `64MiB`';
  if (schema.type === 'array') return `list of ${schema.items ? kindOf(schema.items) : 'anything'}`;
  if (schema.type === 'object') {
    const { additionalProperties: values } = schema;
    return typeof values === 'object' ? `group of ${kindOf(values)}` : 'group';
  }
  if (schema.type === 'boolean') return '`true`, `false`';
  if (schema.type === 'integer' || schema.type === 'number') {
    const { minimum, maximum } = schema;
    const upTo = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? '' : ` to ${maximum}`;
    return `${schema.type === 'integer' ? 'whole number' : 'number'}${minimum === undefined ? '' : `, ${minimum}${upTo || ' or more'}`}`;
  }
  return 'text';
}

const shownDefault = (schema: JsonSchema, needed: boolean): string => {
  if (schema.type === 'object') return '';
  if (schema.default !== undefined) return `\`${JSON.stringify(schema.default)}\``;
  return needed ? '**needed**' : '';
};

function rows(schema: JsonSchema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, option]) => {
    const here = path ? `${path}.${name}` : name;
    const needed = schema.required?.includes(name) ?? false;
    const row = `| \`${here}\` | ${kindOf(option)} | ${shownDefault(option, needed)} | ${(option.description ?? '').replaceAll('|', '\\|')} |`;
    if (option.oneOf) return [row, ...rowsOfGroups(option.oneOf, here)];
    const below = option.type === 'array' ? rows(option.items ?? {}, `${here}[]`) : rows(option, here);
    return [row, ...below];
  });
}

/** What stands in groups that are told apart by their type: the types, and the options of each. */
function rowsOfGroups(groups: readonly JsonSchema[], path: string): string[] {
  const type = `| \`${path}.type\` | ${groups.map(typeOf).join(', ')} | **needed** | Which one. |`;
  const options = groups.flatMap((group) => {
    const { type: _, ...properties } = group.properties ?? {};
    return rows({ ...group, properties }, path).map((row) =>
      row.replace(/ \|$/, ` With type ${typeOf(group)}. |`),
    );
  });
  return [type, ...options];
}

/** The page of the documentation that lists every option, in Markdown. */
export function optionsPage(): string {
  const schema = z.toJSONSchema(definitionOptions, { io: 'input' }) as JsonSchema;
  return [
    '# Options of `tidemark.yaml`',
    '',
    'Made from `core/definition/options.ts`, where each option is declared once. Unknown options are errors.',
    'Any text may hold `${NAME}`: the value of that environment variable.',
    'A table may be written as its name alone: `- public.orders`.',
    'What AWS would refuse in a name is refused when the definition is read, also on the laptop.',
    '',
    '| option | kind | default | what it means |',
    '|---|---|---|---|',
    ...rows(schema, ''),
    '',
  ].join('\n');
}
