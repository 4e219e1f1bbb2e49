/**
 * A catalog that speaks Iceberg's REST protocol. It is told what becomes of a table, under which requirements, and
 * writes the metadata file by itself, into the table's folder.
 *
 *     commit    POST …/tables/<table>   {requirements, updates}     ◀ the one conditional write
 *     create    POST …/tables           stage-create                nobody sees it; the server answers a uuid
 *               POST …/tables/<table>   assert-create, all updates  ◀
 *
 * Readers see no table without its first snapshot, but where the server knows no staged tables (Glue's), or may number
 * the columns otherwise than the files do: there it is empty first, and the snapshot goes on top.
 */
import type { z } from 'zod';
import type { catalog as catalogOption } from '../../definition/lake-options.ts';
import { TidemarkError } from '../../errors.ts';
import type { Keys } from '../../objects/keys.ts';
import type { TableName } from '../../sources/source.ts';
import { asMetadata, currentSchema, defaultSpec, type TableMetadata } from '../iceberg/metadata.ts';
import { sameFields } from '../iceberg/schema.ts';
import { ours } from '../iceberg/table.ts';
import type { LoadedTable, TableCatalog } from './catalog.ts';
import { type Answer, type Ask, recordOf, refusal, restClient } from './rest-client.ts';
import { type RestPaths, readPaths } from './rest-paths.ts';
import { byNobody, bySignature, byToken } from './signed-requests.ts';
import { type Commit, updatesBetween } from './table-updates.ts';

export type RestCatalogOptions = Omit<
  Extract<z.output<typeof catalogOption>, { readonly type: 'rest' }>,
  'type'
>;

const transactions = 'POST /v1/{prefix}/transactions/commit';

/**
 * @param nameOf what a table is called in the namespace
 * @param fetch how requests are sent
 */
export function restCatalog(
  options: RestCatalogOptions,
  keys: Keys,
  nameOf: (table: TableName) => string,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): TableCatalog {
  const { uri, warehouse, namespace, sign, token } = options;
  const authorize = sign ? bySignature(sign) : token ? byToken(token) : byNobody;
  const ask = restClient(authorize, fetch);
  const placeOf = (table: TableName): string => `rest table ${namespace}.${nameOf(table)} of ${uri}`;

  const paths = once(() => readPaths(ask, uri, warehouse, namespace));
  const namespaceIsThere = once(async () => ensureNamespace(ask, await paths(), namespace));

  async function load(table: TableName): Promise<LoadedTable | null> {
    const answer = await ask({ method: 'GET', url: (await paths()).table(nameOf(table)) });
    if (isNotFound(answer)) return null;
    if (answer.status !== 200 || answer.value === undefined) throw refusal(answer);
    const loaded = asLoaded(answer, placeOf(table));
    mustBeAt(loaded.metadata.location, table);
    return loaded;
  }

  /** The server decides, or has decided, where a table is. Files that are copied to one place are not at another. */
  function mustBeAt(location: unknown, table: TableName): void {
    const ours = keys.location(table);
    if (typeof location === 'string' && location.replace(/\/+$/, '') === ours) return;
    throw new TidemarkError(
      'DefinitionInvalid',
      `target.catalog: ${placeOf(table)} stands at ${location}; allowed is ${ours}, where this sync writes its files: another namespace, another target.url, or a catalog that takes a table's location as it is given`,
    );
  }

  const isAsSeen = async (table: TableName, seen: LoadedTable): Promise<boolean> =>
    (await load(table))?.version === seen.version;

  /** @returns changed, where the answer says so: by its status, or because the table has moved on since it was seen */
  async function outcome(
    answer: Answer,
    changes: readonly { table: TableName; seen: LoadedTable }[],
  ): Promise<'committed' | 'changed'> {
    if (answer.status === 200 || answer.status === 204) return 'committed';
    if (answer.status === 409) return 'changed';
    // a snapshot on a new branch takes the sequence number that ours has: some servers say 400 then
    if (answer.status === 400)
      for (const { table, seen } of changes) if (!(await isAsSeen(table, seen))) return 'changed';
    throw refusal(answer);
  }

  /** A conflict over a table that is not there is one of names or places, and would stay for ever. */
  async function madeByAnother(table: TableName, answer: Answer): Promise<'changed'> {
    if (await load(table)) return 'changed';
    throw new TidemarkError('CatalogRefused', `${answer.place} answered ${answer.said}`);
  }

  async function create(table: TableName, next: TableMetadata): Promise<'committed' | 'changed'> {
    if (sign?.service === 's3tables') throw inTableBucket(placeOf(table));
    await namespaceIsThere();
    const { tables, table: pathOf } = await paths();
    const staged = await ask({ method: 'POST', url: tables, body: newTable(nameOf(table), next, true) });
    if (staged.status === 409) return madeByAnother(table, staged);
    if (isWithoutStaging(staged)) return createEmpty(tables, table, next);
    if (staged.status !== 200) throw refusal(staged);
    // where it stands there is a proposal: the commit says ours, and servers take it (Nessie), or do not
    const metadata = recordOf(recordOf(staged.value).metadata);
    const whole = hasFields(metadata, next);
    const body = updatesBetween(null, {
      ...(whole ? next : withoutSnapshots(next)),
      // the server may know what it has staged by this
      ...(typeof metadata['table-uuid'] === 'string' && { 'table-uuid': metadata['table-uuid'] }),
    });
    const answer = await ask({ method: 'POST', url: pathOf(nameOf(table)), body });
    if (answer.status === 409) return madeByAnother(table, answer);
    const said = await outcome(answer, []);
    mustBeAt(recordOf(recordOf(answer.value).metadata).location, table);
    return whole ? said : 'changed';
  }

  /** @returns changed: there is a table by now, with ids of its own choice, and the caller's snapshot goes on top of it */
  async function createEmpty(tables: URL, table: TableName, next: TableMetadata): Promise<'changed'> {
    const answer = await ask({ method: 'POST', url: tables, body: newTable(nameOf(table), next, false) });
    if (answer.status === 409) return madeByAnother(table, answer);
    if (answer.status !== 200) throw refusal(answer);
    mustBeAt(recordOf(recordOf(answer.value).metadata).location, table);
    return 'changed';
  }

  return {
    type: 'rest',
    placeOf,
    load,

    async commit(table, seen, next) {
      if (!seen) return create(table, next);
      const url = (await paths()).table(nameOf(table));
      const answer = await ask({ method: 'POST', url, body: updatesBetween(seen.metadata, next) });
      return outcome(answer, [{ table, seen }]);
    },

    async commitTogether(changes) {
      const { endpoints, transactions: url } = await paths();
      if (!endpoints.has(transactions)) return 'unsupported';
      const commits = changes.map(({ table, seen, next }): Commit & { identifier: unknown } => ({
        identifier: { namespace: [namespace], name: nameOf(table) },
        ...updatesBetween(seen.metadata, next),
      }));
      return outcome(await ask({ method: 'POST', url, body: { 'table-changes': commits } }), changes);
    },
  };
}

/** The first answer is everybody's; after an error, it is asked for again. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () => {
    running ??= work().catch((error) => {
      running = null;
      throw error;
    });
    return running;
  };
}

async function ensureNamespace(
  ask: (ask: Ask) => Promise<Answer>,
  { namespace: url, namespaces }: RestPaths,
  name: string,
): Promise<void> {
  const found = await ask({ method: 'GET', url });
  if (found.status === 200) return;
  if (!isNotFound(found)) throw refusal(found);
  const made = await ask({ method: 'POST', url: namespaces, body: { namespace: [name], properties: {} } });
  // conflict: somebody else has made it meanwhile
  if (made.status !== 200 && made.status !== 409) throw refusal(made);
}

/** The catalog's own 404. That of a proxy, or of a wrong address, says nothing of tables. */
const isNotFound = ({ status, value }: Answer): boolean => status === 404 && value !== undefined;

function asLoaded({ value, place }: Answer, table: string): LoadedTable {
  const { metadata, 'metadata-location': file } = recordOf(value);
  if (typeof file !== 'string')
    throw new TidemarkError('CatalogRefused', `${place} names no metadata file of ${table}`);
  try {
    return { metadata: asMetadata(metadata), version: file, file };
  } catch (cause) {
    const words = (cause as Error).message;
    throw new TidemarkError('DefinitionInvalid', `target.catalog: ${table}: ${words}`, { cause });
  }
}

/**
 * Whether a server that numbers the columns of a new table by itself would number them as we do. If not, a snapshot
 * must not come with the table: files name their columns by our numbers, and readers would take one for another.
 */
function hasFields({ schemas }: Readonly<Record<string, unknown>>, next: TableMetadata): boolean {
  const [schema] = Array.isArray(schemas) ? schemas : [];
  const { fields } = recordOf(schema);
  return Array.isArray(fields) && sameFields(fields, currentSchema(next)!.fields);
}

/** A table in which nothing has been published yet. */
const withoutSnapshots = (next: TableMetadata): TableMetadata => ({
  ...next,
  ...{ snapshots: [], refs: {}, properties: unpublished(next) },
});

/** The run stands there only together with its snapshot: who finds it takes the run for published. */
function unpublished({ properties }: TableMetadata): Record<string, string> {
  const { [ours.run]: _, ...others } = properties ?? {};
  return others;
}

const newTable = (name: string, next: TableMetadata, staged: boolean) => ({
  name,
  location: next.location,
  schema: currentSchema(next),
  'partition-spec': defaultSpec(next),
  'write-order': next['sort-orders'].find((order) => order['order-id'] === next['default-sort-order-id']),
  'stage-create': staged,
  properties: { ...unpublished(next), 'format-version': String(next['format-version']) },
});

/** Glue's endpoint: 400, “Stage create is not supported”; others: 406 Unsupported. */
const isWithoutStaging = ({ status, said }: Answer): boolean =>
  status === 406 || status === 501 || (status === 400 && /\bstage/i.test(said));

const inTableBucket = (table: string): TidemarkError =>
  new TidemarkError(
    'DefinitionInvalid',
    `target.catalog: ${table}: Amazon S3 Tables puts every table into a bucket of its own, in which nothing can be renamed or deleted; allowed is a catalog that takes a table's location as it is given`,
  );
