/**
 * The Glue Data Catalog. A table there names its current metadata file in its parameters; an update says which version
 * of the table it has seen, and Glue refuses it where that is not the current one:
 *
 *     publisher A   ── GetTable: version 4 ── …-a.metadata.json ── UpdateTable IF version 4 ──▶ version 5
 *     publisher B   ── GetTable: version 4 ── …-b.metadata.json ── UpdateTable IF version 4 ──▶ refused: it loads again
 *
 * A table that is new is made by CreateTable, which refuses where there is one.
 */
import {
  CreateDatabaseCommand,
  CreateTableCommand,
  GetTableCommand,
  GlueClient,
  type GlueClientConfig,
  GlueServiceException,
  type Table,
  UpdateTableCommand,
} from '@aws-sdk/client-glue';
import { isDenial, nameOfError } from '../../aws-denials.ts';
import { TidemarkError } from '../../errors.ts';
import type { Keys } from '../../objects/keys.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { TableName } from '../../sources/source.ts';
import type { TableCatalog } from './catalog.ts';
import { tableInput } from './glue-table.ts';
import { oldMetadataFiles, readMetadataFile, writeMetadataFile } from './metadata-files.ts';

/** A network that swallows requests (a VPC without an endpoint for Glue) is an error after some of these, not silence. */
const requestHandler = { connectionTimeout: 10_000, requestTimeout: 20_000, throwOnRequestTimeout: true };

/** Glue as Tidemark uses it. The endpoint comes from the environment (AWS_ENDPOINT_URL_GLUE, AWS_ENDPOINT_URL). */
export const glueClient = (config: GlueClientConfig = {}): GlueClient =>
  new GlueClient({ maxAttempts: 6, requestHandler, ...config });

/** Refusals with a status of 4xx that pass by themselves. */
const passing = new Set([
  'ConcurrentModificationException',
  'FederationSourceRetryableException',
  'OperationTimeoutException',
  'ResourceNotReadyException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

const isMissing = (error: unknown): boolean => nameOfError(error) === 'EntityNotFoundException';

const isThere = (error: unknown): boolean => nameOfError(error) === 'AlreadyExistsException';

/** Somebody else has changed it, or changes it now; or this very request took effect before, and is the SDK's repetition. */
const isConflict = (error: unknown): boolean => nameOfError(error) === 'ConcurrentModificationException';

/** @param place of what the action is on: `glue table lake.orders` */
function asTidemarkError(error: unknown, action: string, place: string): TidemarkError {
  const name = nameOfError(error);
  const status = error instanceof GlueServiceException ? error.$metadata.httpStatusCode : undefined;
  const said = error instanceof Error && error.message ? `: ${error.message}` : '';
  const what = `glue:${action} on ${place}`;
  // Lake Formation's denials have the same name, and say in words what it asks for
  if (isDenial(name) || status === 401 || status === 403) {
    return new TidemarkError('CatalogDenied', `${what} was denied (${name})${said}`, { cause: error });
  }
  const isFinal = status !== undefined && status >= 400 && status < 500 && ![408, 429].includes(status);
  if (isFinal && !passing.has(name)) {
    return new TidemarkError('CatalogRefused', `${what} was refused (${name})${said}`, { cause: error });
  }
  return new TidemarkError('CatalogUnavailable', `${what} failed (${name})${said}`, { cause: error });
}

/** What there is to go by in a table of Glue's. */
type Found = { readonly table: Table; readonly version: string; readonly file: string };

/** @throws TidemarkError DefinitionInvalid: it is no Iceberg table; CatalogRefused: it has no version */
function asIcebergTable(table: Table, place: string, location: string): Found {
  const { table_type: type, metadata_location: file } = table.Parameters ?? {};
  const problem =
    type?.toUpperCase() !== 'ICEBERG'
      ? `is no Iceberg table (${type ? `its table_type is ${type}` : 'it has no table_type'})`
      : file
        ? null
        : 'has no metadata_location';
  if (problem !== null || !file) {
    throw new TidemarkError(
      'DefinitionInvalid',
      `target.catalog: ${place} ${problem}; allowed is an Iceberg table at ${location}, or none: give it another name (\`as\`), or take away the one that is there`,
    );
  }
  // without one, an update would be taken whatever has become of the table
  if (table.VersionId === undefined) {
    throw new TidemarkError(
      'CatalogRefused',
      `${place}: the catalog gives no VersionId, by which writers exclude each other; allowed is the Glue Data Catalog, or what does as it does`,
    );
  }
  return { table, version: table.VersionId, file };
}

/**
 * Tables of the database `database`, under the names that `nameOf` gives them.
 * @param store where the tables lie, with their metadata files
 */
export function glueCatalog(
  client: GlueClient,
  store: ObjectStore,
  keys: Keys,
  database: string,
  nameOf: (table: TableName) => string,
): TableCatalog {
  const placeOf = (table: TableName): string => `glue table ${database}.${nameOf(table)}`;

  async function find(table: TableName): Promise<Found | null> {
    const place = placeOf(table);
    try {
      const { Table: found } = await client.send(
        new GetTableCommand({ DatabaseName: database, Name: nameOf(table) }),
      );
      return found ? asIcebergTable(found, place, keys.location(table)) : null;
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      if (isMissing(error)) return null;
      throw asTidemarkError(error, 'GetTable', place);
    }
  }

  /** Makes the database, unless it is there; somebody else may be about to make it, too. */
  async function ensureDatabase(): Promise<void> {
    try {
      const input = { Name: database, Description: 'Tables that Tidemark copies' };
      await client.send(new CreateDatabaseCommand({ DatabaseInput: input }));
    } catch (error) {
      if (isThere(error) || isConflict(error)) return;
      throw asTidemarkError(error, 'CreateDatabase', `glue database ${database}, which is not there`);
    }
  }

  type Input = ReturnType<typeof tableInput>;

  /** @returns no-database: there is none to put it into */
  async function create(input: Input, place: string): Promise<'committed' | 'changed' | 'no-database'> {
    try {
      await client.send(new CreateTableCommand({ DatabaseName: database, TableInput: input }));
      return 'committed';
    } catch (error) {
      if (isThere(error) || isConflict(error)) return 'changed';
      if (isMissing(error)) return 'no-database';
      throw asTidemarkError(error, 'CreateTable', place);
    }
  }

  async function update(input: Input, version: string, place: string): Promise<'committed' | 'changed'> {
    try {
      await client.send(
        new UpdateTableCommand({
          DatabaseName: database,
          TableInput: input,
          VersionId: version,
          // an account has so many versions of tables, and no more; the history is in the metadata
          SkipArchive: true,
        }),
      );
      return 'committed';
    } catch (error) {
      if (isConflict(error) || isMissing(error)) return 'changed';
      throw asTidemarkError(error, 'UpdateTable', place);
    }
  }

  return {
    type: 'glue',
    placeOf,

    async load(table) {
      const found = await find(table);
      if (!found) return null;
      const { version, file } = found;
      return { metadata: await readMetadataFile(store, keys, table, placeOf(table), file), version, file };
    },

    async oldMetadataFiles(table, loaded) {
      const folder = keys.metadataOf(table);
      const beside: string[] = [];
      // numbers below 200,000: what begins with a run's year comes after them
      for await (const { key } of store.list(folder, `${folder}2`)) beside.push(key);
      return oldMetadataFiles(loaded, beside);
    },

    async commit(table, seen, next) {
      const place = placeOf(table);
      // an update replaces the table whole: what others have put in is looked up, and put in again
      const found = seen && (await find(table));
      // also one that was dropped and made anew, whose versions count from 0 again
      if (seen && (found?.version !== seen.version || found.file !== seen.file)) return 'changed';
      const file = await writeMetadataFile(store, keys, table, seen?.file ?? null, next);
      if (found) {
        const input = tableInput(nameOf(table), next, file, { ...found.table, file: found.file });
        return update(input, found.version, place);
      }
      const input = tableInput(nameOf(table), next, file, null);
      let outcome = await create(input, place);
      if (outcome === 'no-database') {
        await ensureDatabase();
        outcome = await create(input, place);
      }
      if (outcome !== 'no-database') return outcome;
      throw new TidemarkError(
        'CatalogUnavailable',
        `glue:CreateTable on ${place}: the database ${database} has been made, and is not there`,
      );
    },
  };
}
