import type { Definition } from '../core/definition/options.ts';
import { formatTableName, parseTableName } from '../core/definition/table-name.ts';
import { definedTables, isDefined } from '../core/definition/table-options.ts';
import { TidemarkError } from '../core/errors.ts';
import type { Ledger } from '../core/ledger/ledger.ts';
import { nearestWord } from '../core/nearest.ts';
import type { TableName } from '../core/sources/source.ts';

/** A name is listed so often. */
const listedMax = 20;

/**
 * The table of a definition that people mean: with its schema, or without where that is public (of MySQL, where it is a
 * database: where one table has that name). Which tables patterns have
 * taken is known from the ledger; the database is not asked.
 *
 * @param ledger null: what a pattern matches is believed
 * @throws TidemarkError UsageWrong, with what there is
 */
export async function namedTable(
  definition: Definition,
  text: string,
  ledger: Pick<Ledger, 'tableHeads'> | null,
): Promise<TableName> {
  const { name: sync } = definition;
  const wanted = parseTableName(text);
  const named = definedTables(definition).entries.flatMap(({ pattern }) => pattern.exact ?? []);
  const names = named.map(formatTableName);
  if (wanted && names.includes(formatTableName(wanted))) return wanted;
  if (wanted && isDefined(definition, wanted) && ledger === null) return wanted;
  const heads = (await ledger?.tableHeads(sync)) ?? [];
  names.push(
    ...heads.map(({ table }) => table).filter((table) => isDefined(definition, parseTableName(table)!)),
  );
  if (wanted && names.includes(formatTableName(wanted))) return wanted;
  const known = [...new Set(names)];
  const bare = definition.source.type === 'mysql' ? parseTableName(text, '') : null;
  const alike = known.map((one) => parseTableName(one)!).filter(({ table }) => table === bare?.table);
  if (bare?.schema === '' && alike.length === 1) return alike[0]!;
  const near = nearestWord(text, known) ?? nearestWord(`public.${text}`, known);
  const more = known.length > listedMax ? ', …' : '';
  const hint =
    known.length === 0
      ? 'no run of it has had a table yet'
      : `its tables: ${known.slice(0, listedMax).join(', ')}${more}`;
  throw new TidemarkError(
    'UsageWrong',
    `sync ${sync} has no table ${JSON.stringify(text)}; ${near ? `did you mean ${near}?` : hint}`,
    { next: 'Name a table as it stands under tables: in the definition, or in `tidemark status`.' },
  );
}
