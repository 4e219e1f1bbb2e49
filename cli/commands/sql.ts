import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { lakeName } from '../../core/definition/lake-name.ts';
import type { Definition } from '../../core/definition/options.ts';
import { formatTableName } from '../../core/definition/table-name.ts';
import { tableOptions } from '../../core/definition/table-options.ts';
import { TidemarkError } from '../../core/errors.ts';
import type { TableHead } from '../../core/ledger/ledger.ts';
import { nearestWord } from '../../core/nearest.ts';
import { parseTarget, tableFolder } from '../../core/objects/keys.ts';
import type { TableName } from '../../core/sources/source.ts';
import type { Answer, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { namedTable } from '../named-table.ts';
import { redacted, wrapped } from '../printable.ts';
import { readDefinitionToLook } from '../read-definition.ts';
import { type EngineName, engineNames, engines, isEngineName } from '../reader-sql/engines.ts';
import type { LakeTable } from '../reader-sql/lake-table.ts';
import { withCloud } from '../with-cloud.ts';

export type SqlWish = { readonly table: string; readonly engine: string };

/** What opens a table of the lake in a query engine. Nothing is opened here, and nothing is written. */
export async function sql(context: Context, wish: SqlWish): Promise<Answer> {
  const engine = engineOf(wish.engine);
  const definition = readDefinitionToLook(context);
  const named = await namedTable(definition, wish.table, null);
  const name = formatTableName(named);
  const { head, problem } = await lookUp(context, definition, name);
  const table = lakeTable(context, definition, named, head);
  const { statements, notes: said } = engines[engine](table);
  const notes = [...said, ...(problem ? [problem] : [])];
  return {
    exitCode: statements.length > 0 ? exitCodes.done : exitCodes.wrong,
    document: { command: 'sql', table: name, engine, catalog: table.catalog.type, statements, notes },
    lines: ({ paint, width }) => [
      ...statements.flatMap((statement, at) => [...(at > 0 ? [''] : []), ...statement.split('\n')]),
      ...(statements.length > 0 && notes.length > 0 ? [''] : []),
      ...notes.flatMap((text) =>
        wrapped(text, width - 3).map((line, at) => paint.faint(`${at === 0 ? '--' : '  '} ${line}`)),
      ),
    ],
  };
}

/** @throws TidemarkError UsageWrong */
function engineOf(word: string): EngineName {
  if (isEngineName(word)) return word;
  const near = nearestWord(word, engineNames);
  throw new TidemarkError(
    'UsageWrong',
    `--engine ${JSON.stringify(word)}; ${near ? `did you mean ${near}?` : 'there is none of that name.'} Allowed: ${engineNames.join(', ')}`,
  );
}

/** The table's head, where it can be seen: statements are printed without it, too. */
async function lookUp(
  context: Context,
  definition: Definition,
  name: string,
): Promise<{ head: TableHead | null; problem: string | null }> {
  // without a ledger nothing is published, and looking would make one
  if (context.cloud === 'local' && !existsSync(join(context.home, 'dynamodb')))
    return { head: null, problem: null };
  try {
    const head = await withCloud(context, definition, 'look', ({ ledger }) =>
      ledger.tableHead(definition.name, name),
    );
    return { head, problem: null };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return { head: null, problem: `What is published could not be looked up: ${redacted(error.message)}` };
  }
}

function lakeTable(
  context: Context,
  definition: Definition,
  table: TableName,
  head: TableHead | null,
): LakeTable {
  const { name, target } = definition;
  const isLocal = context.cloud === 'local';
  const { bucket, prefix } = parseTarget(target.url);
  return {
    name: formatTableName(table),
    lakeName: lakeName(table, tableOptions(definition, table).as),
    syncName: name.replaceAll('-', '_'),
    bucket,
    path: `${prefix}${tableFolder(table)}`,
    // the embedded cloud has no other
    catalog: isLocal ? { type: 'ledger' } : target.catalog,
    manifests: target.manifests,
    metadata: head?.metadata ?? null,
    columns: head?.snapshot?.schema ?? null,
    bucketsFolder: isLocal ? resolve(context.home, 's3') : null,
  };
}
