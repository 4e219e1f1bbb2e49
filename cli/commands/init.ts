import { writeFileSync } from 'node:fs';
import { loadDefinition } from '../../core/definition/load.ts';
import type { Definition } from '../../core/definition/options.ts';
import { TidemarkError } from '../../core/errors.ts';
import type { Answer, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { definitionOf, type FoundTable, findTables } from '../found-tables.ts';
import { again } from '../next-steps.ts';
import { counted } from '../quantities.ts';

const variable = 'DATABASE_URL';

/** @throws TidemarkError UsageWrong, with every place that was searched */
function urlOf({ surroundings: { environment } }: Context, given: string | null): string {
  const url = given ?? environment[variable];
  if (url && /^(postgres(ql)?|mysql|mariadb):\/\//.test(url)) return url;
  if (url)
    throw new TidemarkError('UsageWrong', 'init: the address begins as none that is known', {
      next: 'Allowed: postgres://user:password@host:5432/database, or mysql://… or mariadb://… in its place.',
    });
  throw new TidemarkError(
    'UsageWrong',
    `init: no database: neither an address on the command line, nor $${variable} in the environment`,
    { next: 'Give the address: `tidemark init postgres://user:password@host:5432/database`, or mysql://…' },
  );
}

/** What a definition for this address would be, without tables: enough to look at the database. */
function definitionFor(url: string): Definition {
  const type = /^(mysql|mariadb):/.test(url) ? 'mysql' : 'postgres';
  const text = `name: sync\nsource: { type: ${type}, url: "\${${variable}}" }\ntables: [public.none]\ntarget: { url: s3://lake }\n`;
  return loadDefinition(text, 'the address', { [variable]: url });
}

/** Letters, digits and hyphens of the database's name. */
const nameFor = (url: string): string => {
  const path = URL.canParse(url) ? decodeURIComponent(new URL(url).pathname.slice(1)) : '';
  const name = path
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 30);
  return name === '' ? 'sync' : name;
};

/** Writes a definition of what a live database has: its tables, and how each would be copied. */
export async function init(context: Context, given: string | null): Promise<Answer> {
  const url = urlOf(context, given);
  const definition = definitionFor(url);
  const source = await context.surroundings.openSource(definition);
  let found: readonly FoundTable[];
  let database: string;
  try {
    database = (await source.identify()).description;
    found = await findTables(source, definition.source.type === 'mysql' ? nameOfDatabase(url) : null);
  } finally {
    await source.close();
  }
  const copied = found.filter(({ entry }) => entry !== null);
  const { definitionFile: file } = context;
  const text = definitionOf({
    ...{ name: nameFor(url), type: definition.source.type, variable, database, tables: found },
    madeAt: new Date(context.surroundings.nowMs()).toISOString().slice(0, 10),
  });
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new TidemarkError('UsageWrong', `init: ${file} is there already, and is not overwritten`, {
        next: 'Name another file: `tidemark init --config another.yaml`.',
      });
    throw new TidemarkError('UsageWrong', `init: ${file} cannot be written (${code})`, {
      next: 'Name another file with --config.',
    });
  }
  const others = found.length - copied.length;
  return {
    exitCode: exitCodes.done,
    document: { command: 'init', file, database, tables: found },
    lines: () => [
      `${file}: ${counted(copied.length, 'table')} of ${database}${others > 0 ? `; ${others} more, commented out, with the reason` : ''}`,
      '',
      ...(given === null ? [] : [`The address is not in it: export ${variable}='…'`]),
      `Look at it, and set target.url. Then: \`${again(context, 'check')}\``,
    ],
  };
}

const nameOfDatabase = (url: string): string => decodeURIComponent(new URL(url).pathname.slice(1));
