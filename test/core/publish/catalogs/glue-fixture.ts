/** Tables in the Glue Data Catalog of a test, and their metadata from one snapshot to the next. */
import { GlueClient } from '@aws-sdk/client-glue';
import { TidemarkError } from '../../../../core/errors.ts';
import { keysOf } from '../../../../core/objects/keys.ts';
import type { LoadedTable } from '../../../../core/publish/catalogs/catalog.ts';
import { glueCatalog, glueClient } from '../../../../core/publish/catalogs/glue-catalog.ts';
import type { TableMetadata } from '../../../../core/publish/iceberg/metadata.ts';
import type { IcebergField } from '../../../../core/publish/iceberg/schema.ts';
import { newTable, withPrevious, withSnapshot } from '../../../../core/publish/iceberg/table.ts';
import { mapStore } from '../../../support/map-store.ts';
import { promptRetries } from '../../../support/sdk-faults.ts';

export const orders = { schema: 'public', table: 'orders' };
export const keys = keysOf({ bucket: 'lake', prefix: 'raw/' }, 'shop');
export const location = 's3://lake/raw/public.orders';
export const database = 'shop_lake';

export const fields: readonly IcebergField[] = [
  { id: 1, name: 'id', required: true, type: 'long' },
  { id: 2, name: 'note', required: false, type: 'string' },
];

export const emptyTable = (): TableMetadata =>
  newTable({ uuid: '11111111-2222-4333-8444-555555555555', location, properties: {} }, fields, 1_000);

/** The table's next state: one snapshot more. */
export function withNext(seen: LoadedTable | null, id: number): TableMetadata {
  const base = seen?.metadata ?? emptyTable();
  const at = base['last-updated-ms'] + 1;
  const next = withSnapshot(base, {
    'snapshot-id': id,
    'sequence-number': base['last-sequence-number'] + 1,
    'timestamp-ms': at,
    summary: { operation: 'append' },
    'manifest-list': `${location}/metadata/${id}-list.avro`,
    'schema-id': 0,
  });
  return seen ? withPrevious(next, seen.file, base['last-updated-ms']) : next;
}

export const idsIn = (metadata: TableMetadata): unknown[] =>
  (metadata.snapshots ?? []).map((snapshot) => snapshot['snapshot-id']);

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
export const sdkSettings = { region: 'us-east-1', credentials, retryStrategy: promptRetries(6) } as const;

/** A catalog, and a client of the test's own, at an endpoint. */
export function glueAt(endpoint: string, store = mapStore('lake')) {
  const settings = { ...sdkSettings, endpoint };
  const client = glueClient(settings);
  const own = new GlueClient(settings);
  return {
    store,
    own,
    catalog: glueCatalog(client, store, keys, database, ({ table }) => table),
    close() {
      client.destroy();
      own.destroy();
    },
  };
}

/** What an attempt ended in: its answer, or the error's code and message. */
export const outcomeOf = async <T>(attempt: Promise<T>): Promise<T | string> =>
  attempt.catch((error: unknown) => {
    if (!(error instanceof TidemarkError)) throw error;
    return `${error.code}: ${error.message}`;
  });
