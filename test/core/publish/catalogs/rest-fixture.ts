/** Tables, and what becomes of them, for the tests of the REST catalog: metadata alone, no file is written. */
import { afterEach } from 'vitest';
import { type Keys, keysOf } from '../../../../core/objects/keys.ts';
import type { RestCatalogOptions } from '../../../../core/publish/catalogs/rest-catalog.ts';
import { restCatalog } from '../../../../core/publish/catalogs/rest-catalog.ts';
import {
  currentSnapshot,
  type SortField,
  type TableMetadata,
} from '../../../../core/publish/iceberg/metadata.ts';
import type { IcebergField } from '../../../../core/publish/iceberg/schema.ts';
import {
  newTable,
  nextTime,
  summaryOf,
  withSnapshot,
  withSort,
} from '../../../../core/publish/iceberg/table.ts';
import {
  type RestCatalogServer,
  type RestCatalogSettings,
  startRestCatalog,
} from '../../../support/rest-catalog-server.ts';

export const a = { schema: 'public', table: 'a' };
export const b = { schema: 'public', table: 'b' };
export const keys = keysOf({ bucket: 'lake', prefix: 'shop/' }, 'shop');

export const field = (id: number, name: string): IcebergField => ({ id, name, type: 'long', required: true });
export const by = (id: number): SortField => ({
  'source-id': id,
  transform: 'identity',
  direction: 'asc',
  'null-order': 'nulls-first',
});

const tableOf = (fields: readonly IcebergField[], table = a): TableMetadata => {
  const about = { uuid: '6b2bd5d3-3b0f-4a9c-8a2e-0d0f1c2b3a4d', location: keys.location(table) };
  return withSort(newTable({ ...about, properties: { p: '1' } }, fields, 1_700_000_000_000), by(1));
};

export const empty = (table = a): TableMetadata => tableOf([field(1, 'id'), field(2, 'n')], table);

/** Its columns' ids have a gap, as after a column was dropped at the source. */
export const gapped = (): TableMetadata => tableOf([field(1, 'id'), field(3, 'n')]);

const none = { files: 0, rows: 0, bytes: 0 };

/** With one more snapshot, which readers see. */
export function plus(metadata: TableMetadata, id: number | bigint, run = 'r'): TableMetadata {
  const parent = metadata['current-snapshot-id'];
  return withSnapshot(metadata, {
    'snapshot-id': id,
    ...(parent !== undefined && parent !== null && parent !== -1 && { 'parent-snapshot-id': parent }),
    'sequence-number': metadata['last-sequence-number'] + 1,
    'timestamp-ms': nextTime(metadata, 1_700_000_000_000),
    summary: summaryOf(currentSnapshot(metadata), 'append', none, { 'tidemark.run': run }),
    'manifest-list': `${metadata.location}/metadata/${id}-list.avro`,
    'schema-id': metadata['current-schema-id'],
  });
}

export const catalogAt = (
  options: Partial<RestCatalogOptions> & { uri: string },
  fetch?: typeof globalThis.fetch,
  its: Keys = keys,
) => {
  const { uri, warehouse, sign, token } = options;
  return restCatalog({ namespace: 'shop', uri, warehouse, sign, token }, its, ({ table }) => table, fetch);
};

/** Starts servers, which are closed after the test. */
export function restServers() {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  return {
    closing,
    async start(settings: RestCatalogSettings = {}): Promise<RestCatalogServer> {
      const server = await startRestCatalog(settings);
      closing.push(server.close);
      return server;
    },
  };
}
