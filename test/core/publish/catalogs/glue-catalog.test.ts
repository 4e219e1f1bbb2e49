/** The Glue Data Catalog by the real SDK, against a server that speaks Glue's protocol. */
import { CreateDatabaseCommand, type Table, UpdateTableCommand } from '@aws-sdk/client-glue';
import { beforeEach, describe, expect, test } from 'vitest';
import { putText } from '../../../../core/objects/put-text.ts';
import type { LoadedTable } from '../../../../core/publish/catalogs/catalog.ts';
import { metadataText } from '../../../../core/publish/iceberg/metadata.ts';
import { withFields } from '../../../../core/publish/iceberg/table.ts';
import { type GlueServer, startGlue } from '../../../support/glue-server.ts';
import { database, fields, glueAt, idsIn, location, orders, withNext } from './glue-fixture.ts';

let server: GlueServer;
let glue: ReturnType<typeof glueAt>;
beforeEach(async () => {
  server = await startGlue();
  glue = glueAt(server.endpoint);
  return async () => {
    glue.close();
    await server.stop();
  };
});

const load = async (): Promise<LoadedTable> => (await glue.catalog.load(orders))!;
const inGlue = (): Table => server.glue.table(database, 'orders')!;
const operations = (): string[] => server.calls.map(({ operation }) => operation);

/** Commits snapshots, one after the other. */
async function history(...ids: readonly number[]): Promise<LoadedTable> {
  for (const id of ids) {
    const seen = await glue.catalog.load(orders);
    expect(await glue.catalog.commit(orders, seen, withNext(seen, id))).toBe('committed');
  }
  return load();
}

describe('a table', () => {
  test('that is not there, in a database that is not there either, is made with it', async () => {
    expect(await glue.catalog.load(orders)).toBeNull();
    const next = withNext(null, 1);
    expect(await glue.catalog.commit(orders, null, next)).toBe('committed');
    expect(operations()).toEqual(['GetTable', 'CreateTable', 'CreateDatabase', 'CreateTable']);
    const loaded = await load();
    expect(loaded.metadata).toEqual(next);
    expect(loaded.version).toBe('0');
    expect(loaded.file).toMatch(
      /^s3:\/\/lake\/raw\/public\.orders\/metadata\/00000-[0-9a-f-]{36}\.metadata\.json$/,
    );
    expect(inGlue()).toMatchObject({
      Name: 'orders',
      TableType: 'EXTERNAL_TABLE',
      Parameters: { table_type: 'ICEBERG', metadata_location: loaded.file },
      StorageDescriptor: {
        Location: location,
        Columns: [
          {
            Name: 'id',
            Type: 'bigint',
            Parameters: {
              'iceberg.field.id': '1',
              'iceberg.field.optional': 'false',
              'iceberg.field.current': 'true',
            },
          },
          { Name: 'note', Type: 'string', Parameters: { 'iceberg.field.optional': 'true' } },
        ],
      },
    });
  });

  test('that is not there, in a database that is: nothing but the table is made', async () => {
    await glue.own.send(new CreateDatabaseCommand({ DatabaseInput: { Name: database } }));
    expect(await glue.catalog.commit(orders, null, withNext(null, 1))).toBe('committed');
    expect(operations()).toEqual(['CreateDatabase', 'CreateTable']);
  });

  test('goes from version to version, each with the next number, and none is archived', async () => {
    const first = await history(1);
    const third = await history(2, 3);
    expect(third.version).toBe('2');
    expect(third.file).toContain('/00002-');
    expect(idsIn(third.metadata)).toEqual([1, 2, 3]);
    expect(third.metadata['metadata-log']).toHaveLength(2);
    expect(third.metadata['metadata-log']![0]).toMatchObject({ 'metadata-file': first.file });
    expect(server.glue.archived(database, 'orders')).toEqual([]);
    expect(inGlue().Parameters).toMatchObject({
      metadata_location: third.file,
      previous_metadata_location: third.metadata['metadata-log']!.at(-1)!['metadata-file'],
    });
  });

  test('keeps what people and other programs have put in', async () => {
    const { version } = await history(1);
    const { Name, Parameters, StorageDescriptor } = inGlue();
    const columns = StorageDescriptor!.Columns!.map((column) => ({
      ...column,
      Comment: `of ${column.Name}`,
    }));
    await glue.own.send(
      new UpdateTableCommand({
        DatabaseName: database,
        VersionId: version,
        TableInput: {
          Name: Name!,
          Description: 'What was sold',
          Owner: 'sales',
          Parameters: { ...Parameters, team: 'sales' },
          StorageDescriptor: { ...StorageDescriptor, Columns: columns },
        },
      }),
    );
    const seen = await load();
    const documented = [fields[0]!, { ...fields[1]!, doc: 'in the schema’s own words' }];
    const next = withFields(
      withNext(seen, 2),
      documented.map((field) => ({ ...field, required: false })),
    );
    expect(await glue.catalog.commit(orders, seen, next)).toBe('committed');
    expect(inGlue()).toMatchObject({
      Description: 'What was sold',
      Owner: 'sales',
      Parameters: { team: 'sales', table_type: 'ICEBERG', previous_metadata_location: seen.file },
      StorageDescriptor: {
        Columns: [{ Comment: 'of id' }, { Comment: 'in the schema’s own words' }],
      },
    });
  });

  test('whose address in Glue ends with a slash, or whose type is in lower case, is the same one', async () => {
    const { metadata, file } = await history(1);
    await rewrite(file, metadataText({ ...metadata, location: `${location}/` }));
    await change({ table_type: 'iceberg' });
    expect((await load()).metadata.location).toBe(`${location}/`);
  });
});

const rewrite = (file: string, text: string) =>
  putText(glue.store, file.slice('s3://lake/'.length), text, { mediaType: 'application/json' });

/** Somebody else changes the table's parameters. */
async function change(parameters: Record<string, string>): Promise<void> {
  const { Name, Parameters } = inGlue();
  await glue.own.send(
    new UpdateTableCommand({
      DatabaseName: database,
      TableInput: { Name: Name!, Parameters: { ...Parameters, ...parameters } },
    }),
  );
}

/** The table is dropped, and another one made under its name. */
async function makeAnew(): Promise<void> {
  server.glue.answer({ operation: 'DeleteTable', input: { DatabaseName: database, Name: 'orders' } });
  expect(await glue.catalog.commit(orders, null, withNext(null, 99))).toBe('committed');
}

describe('a commit is refused, and changes nothing', () => {
  test('where the table has changed since it was seen', async () => {
    const seen = await history(1);
    await history(2);
    const before = inGlue();
    expect(await glue.catalog.commit(orders, seen, withNext(seen, 7))).toBe('changed');
    expect(inGlue()).toEqual(before);
  });

  test('where it changes between the look and the update', async () => {
    const seen = await history(1);
    server.disturb(({ operation }) => {
      if (operation !== 'UpdateTable') return null;
      server.disturb(null);
      const { Name, Parameters } = inGlue();
      const input = { Name, Parameters: { ...Parameters, rival: 'yes' } };
      server.glue.answer({
        operation: 'UpdateTable',
        input: { DatabaseName: database, TableInput: input, VersionId: seen.version },
      });
      return null;
    });
    expect(await glue.catalog.commit(orders, seen, withNext(seen, 2))).toBe('changed');
    expect(inGlue().Parameters).toMatchObject({ rival: 'yes', metadata_location: seen.file });
  });

  test('where it is there by now', async () => {
    await history(1);
    expect(await glue.catalog.commit(orders, null, withNext(null, 2))).toBe('changed');
    expect(idsIn((await load()).metadata)).toEqual([1]);
  });

  test('where it is gone, before the look or after it', async () => {
    const seen = await history(1);
    const drop = () =>
      server.glue.answer({ operation: 'DeleteTable', input: { DatabaseName: database, Name: 'orders' } });
    server.disturb(({ operation }) => {
      if (operation === 'UpdateTable') drop();
      return null;
    });
    expect(await glue.catalog.commit(orders, seen, withNext(seen, 2))).toBe('changed');
    expect(await glue.catalog.commit(orders, seen, withNext(seen, 2))).toBe('changed');
    expect(await glue.catalog.load(orders)).toBeNull();
  });

  test('where it was dropped and made anew, and has the same version again', async () => {
    const seen = await history(1);
    await makeAnew();
    expect((await load()).version).toBe(seen.version);
    expect(await glue.catalog.commit(orders, seen, withNext(seen, 2))).toBe('changed');
    expect(idsIn((await load()).metadata)).toEqual([99]);
  });
});
