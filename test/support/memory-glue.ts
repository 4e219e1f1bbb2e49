/**
 * The Glue Data Catalog in memory: databases and tables, as far as Tidemark and its tests use them. What it does as AWS
 * does: names are lower case; a table's versions count from "0", archived or not; an update replaces the table whole, and
 * where it names a version that is not the current one it is refused; errors have AWS's names, status and words.
 *
 * @see https://docs.aws.amazon.com/glue/latest/webapi/API_UpdateTable.html
 */
import type { Database, DatabaseInput, Table, TableInput } from '@aws-sdk/client-glue';

export type GlueAnswer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

export type GlueCall = {
  /** `UpdateTable` */
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
};

export type MemoryGlue = {
  answer(call: GlueCall): GlueAnswer;
  /** as it is now; undefined: there is none */
  table(database: string, name: string): Table | undefined;
  /** Versions of a table that were archived, oldest first. */
  archived(database: string, name: string): readonly string[];
};

type Held = { table: Table; readonly archived: string[] };

class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** An error's answer, as Glue words it. */
export const glueError = (code: string, message: string, status = 400): GlueAnswer => ({
  status,
  body: { __type: code, Message: message },
});

const notFound = (what: string): Refusal => new Refusal('EntityNotFoundException', what);

/** What GetTable tells of a table beside what its writer said. */
const told = (database: string, name: string, version: number, input: TableInput): Table => ({
  ...input,
  Name: name,
  DatabaseName: database,
  VersionId: String(version),
  Retention: input.Retention ?? 0,
  PartitionKeys: input.PartitionKeys ?? [],
  CatalogId: '000000000000',
  IsRegisteredWithLakeFormation: false,
});

export function memoryGlue(): MemoryGlue {
  const databases = new Map<string, { database: Database; tables: Map<string, Held> }>();

  function named(value: unknown, what: string): string {
    if (typeof value === 'string' && value.length > 0 && value.length <= 255) return value.toLowerCase();
    throw new Refusal('InvalidInputException', `${what} is missing or too long.`);
  }

  function databaseNamed(value: unknown) {
    const name = named(value, 'databaseName');
    const found = databases.get(name);
    if (!found) throw notFound(`Database ${name} not found.`);
    return { name, ...found };
  }

  function tableNamed(database: unknown, value: unknown): Held {
    const { tables } = databaseNamed(database);
    const found = tables.get(named(value, 'tableName'));
    if (!found) throw notFound('Entity Not Found');
    return found;
  }

  const operations: Readonly<Record<string, (input: GlueCall['input']) => Record<string, unknown>>> = {
    CreateDatabase({ DatabaseInput: input }) {
      const name = named((input as DatabaseInput).Name, 'name');
      if (databases.has(name)) throw new Refusal('AlreadyExistsException', 'Database already exists.');
      databases.set(name, {
        database: { ...(input as DatabaseInput), Name: name, CatalogId: '000000000000' },
        tables: new Map(),
      });
      return {};
    },

    GetDatabase: ({ Name }) => ({ Database: databaseNamed(Name).database }),

    GetTable: ({ DatabaseName, Name }) => ({ Table: tableNamed(DatabaseName, Name).table }),

    CreateTable({ DatabaseName, TableInput: given }) {
      const { name: database, tables } = databaseNamed(DatabaseName);
      const input = given as TableInput;
      const name = named(input.Name, 'name');
      if (tables.has(name)) throw new Refusal('AlreadyExistsException', 'Table already exists.');
      tables.set(name, { table: told(database, name, 0, input), archived: [] });
      return {};
    },

    UpdateTable({ DatabaseName, TableInput: given, VersionId, SkipArchive }) {
      const input = given as TableInput;
      const held = tableNamed(DatabaseName, input.Name);
      const { VersionId: current = '', DatabaseName: database = '', Name: name = '' } = held.table;
      if (VersionId !== undefined && VersionId !== current) {
        throw new Refusal(
          'ConcurrentModificationException',
          'Update table failed due to concurrent modifications.',
        );
      }
      if (SkipArchive !== true) held.archived.push(current);
      held.table = told(database, name, Number(current) + 1, input);
      return {};
    },

    DeleteTable({ DatabaseName, Name }) {
      tableNamed(DatabaseName, Name);
      databaseNamed(DatabaseName).tables.delete(named(Name, 'name'));
      return {};
    },
  };

  const held = (database: string, name: string) => databases.get(database)?.tables.get(name);
  return {
    answer({ operation, input }) {
      const run = operations[operation];
      if (!run) return glueError('UnknownOperationException', `${operation} is not known here`);
      try {
        // what is told is a copy, as over the network
        return { status: 200, body: structuredClone(run(input)) };
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return glueError(error.code, error.message);
      }
    },
    table: (database, name) => held(database, name)?.table,
    archived: (database, name) => held(database, name)?.archived ?? [],
  };
}
