/** What is refused: tables in Glue that are not ours, and what Glue itself refuses. */
import { beforeEach, describe, expect, test } from 'vitest';
import { putText } from '../../../../core/objects/put-text.ts';
import { metadataText } from '../../../../core/publish/iceberg/metadata.ts';
import { type GlueFault, type GlueServer, startGlue } from '../../../support/glue-server.ts';
import { glueError } from '../../../support/memory-glue.ts';
import { database, emptyTable, glueAt, location, orders, outcomeOf, withNext } from './glue-fixture.ts';

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

const rewrite = (file: string, text: string) =>
  putText(glue.store, file.slice('s3://lake/'.length), text, { mediaType: 'application/json' });

describe('a table that is not one of ours is named, with what is allowed', () => {
  const put = (parameters: Record<string, string> | undefined) =>
    server.glue.answer({
      operation: 'CreateTable',
      input: { DatabaseName: database, TableInput: { Name: 'orders', Parameters: parameters } },
    });
  const loading = () => outcomeOf(glue.catalog.load(orders));

  beforeEach(() => {
    server.glue.answer({ operation: 'CreateDatabase', input: { DatabaseInput: { Name: database } } });
  });

  test.each([
    [undefined, 'is no Iceberg table (it has no table_type)'],
    [{ table_type: 'HUDI' }, 'is no Iceberg table (its table_type is HUDI)'],
    [{ table_type: 'ICEBERG' }, 'has no metadata_location'],
  ])('parameters %j', async (parameters, problem) => {
    put(parameters);
    expect(await loading()).toBe(
      `DefinitionInvalid: target.catalog: glue table shop_lake.orders ${problem}; allowed is an Iceberg table at ${location}, or none: give it another name (\`as\`), or take away the one that is there`,
    );
  });

  test.each([
    's3://other/raw/public.orders/metadata/00000-a.metadata.json',
    's3://lake/raw/public.orders2/metadata/00000-a.metadata.json',
    's3://lake/raw/public.customers/metadata/00000-a.metadata.json',
  ])('its metadata is %s', async (file) => {
    put({ table_type: 'ICEBERG', metadata_location: file });
    expect(await loading()).toBe(
      `DefinitionInvalid: target.catalog: glue table shop_lake.orders lies elsewhere: its metadata is ${file}; allowed is a table at ${location}: another name for it (\`as\`), or another target.url`,
    );
  });

  const file = `${location}/metadata/00000-a.metadata.json`;
  test.each([
    [
      metadataText({ ...emptyTable(), location: 's3://lake/old' }),
      /^DefinitionInvalid: .*its location is s3:\/\/lake\/old; allowed/,
    ],
    [
      metadataText({ ...emptyTable(), 'format-version': 3 }),
      /^DefinitionInvalid: .*has format version 3 \(s3:.*\); allowed is 2$/,
    ],
    ['', /^ProtocolViolation: s3:.*00000-a\.metadata\.json is damaged: /],
    ['<html>404</html>', /^ProtocolViolation: s3:.* is damaged: /],
    ['{}', /^ProtocolViolation: s3:.* is damaged: /],
    [metadataText(emptyTable()).slice(0, 300), /^ProtocolViolation: s3:.* is damaged: /],
    [null, /^ProtocolViolation: s3:.*the metadata of glue table shop_lake\.orders is gone/],
  ])('its metadata file holds %j', async (text, problem) => {
    put({ table_type: 'ICEBERG', metadata_location: file });
    if (text !== null) await rewrite(file, text);
    expect(await loading()).toMatch(problem);
  });

  test('no version by which writers exclude each other', async () => {
    put({ table_type: 'ICEBERG', metadata_location: file });
    const { VersionId: _, ...table } = server.glue.table(database, 'orders')!;
    server.disturb(() => ({ status: 200, body: { Table: table } }));
    expect(await loading()).toMatch(/^CatalogRefused: glue table shop_lake\.orders: .* no VersionId/);
  });
});

describe('errors', () => {
  const lakeFormation = 'Insufficient Lake Formation permission(s): Required Create Database on Catalog';
  test.each([
    [
      'GetTable',
      glueError('AccessDeniedException', 'User is not authorized'),
      /^CatalogDenied: glue:GetTable on glue table shop_lake\.orders was denied \(AccessDeniedException\): User/,
    ],
    ['CreateTable', glueError('AccessDeniedException', 'no'), /^CatalogDenied: glue:CreateTable on/],
    [
      'CreateDatabase',
      glueError('AccessDeniedException', lakeFormation),
      /^CatalogDenied: glue:CreateDatabase on glue database shop_lake, which is not there was denied \(AccessDeniedException\): Insufficient Lake Formation/,
    ],
    [
      'CreateTable',
      glueError('InvalidInputException', 'Column is too long'),
      /^CatalogRefused: glue:CreateTable on glue table shop_lake\.orders was refused \(InvalidInputException\): Column is too long$/,
    ],
    [
      'CreateTable',
      glueError('ResourceNumberLimitExceededException', 'Too many tables'),
      /^CatalogRefused: .*Too many tables/,
    ],
    ['GetTable', glueError('GlueEncryptionException', 'no key'), /^CatalogRefused: .*no key/],
    ['GetTable', glueError('OperationTimeoutException', 'late'), /^CatalogUnavailable: /],
    ['CreateTable', glueError('ResourceNotReadyException', 'not ready'), /^CatalogUnavailable: /],
    ['GetTable', 'throttled', /^CatalogUnavailable: .*ThrottlingException/],
    ['GetTable', 'unavailable', /^CatalogUnavailable: .*InternalServiceException/],
    ['GetTable', 'cut', /^CatalogUnavailable: glue:GetTable on glue table shop_lake\.orders failed/],
  ] satisfies [string, GlueFault, RegExp][])('%s, %j', async (at, fault, expected) => {
    server.disturb(({ operation }) => (operation === at ? fault : null));
    const attempt = async () => {
      const seen = await glue.catalog.load(orders);
      return glue.catalog.commit(orders, seen, withNext(seen, 1));
    };
    expect(await outcomeOf(attempt())).toMatch(expected);
  });

  test('UpdateTable is denied', async () => {
    expect(await glue.catalog.commit(orders, null, withNext(null, 1))).toBe('committed');
    const seen = (await glue.catalog.load(orders))!;
    server.disturb(({ operation }) =>
      operation === 'UpdateTable' ? glueError('AccessDeniedException', 'no') : null,
    );
    expect(await outcomeOf(glue.catalog.commit(orders, seen, withNext(seen, 2)))).toMatch(
      /^CatalogDenied: glue:UpdateTable on glue table shop_lake\.orders was denied/,
    );
  });

  test('a server that is not there', async () => {
    await server.stop();
    expect(await outcomeOf(glue.catalog.load(orders))).toMatch(/^CatalogUnavailable: glue:GetTable/);
  });
});
