import { parseTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import type { Column } from '../formats/column.ts';
import type { TableHead } from '../ledger/ledger.ts';
import { sha256Of } from '../objects/checksum.ts';
import type { Keys } from '../objects/keys.ts';
import type { ObjectStore } from '../objects/store.ts';
import { type ManifestFile, readManifest } from './manifest.ts';

const triesMax = 10;

/** `<table>/current.json`: what readers see now. Written whole, in one step, and only with a growing version. */
export type Pointer = {
  readonly format: number;
  readonly version: number;
  readonly sync: string;
  readonly table: string;
  readonly publishedAt: string;
  readonly runs: readonly string[];
  readonly rows: number;
  readonly bytes: number;
  readonly schema: readonly Column[];
  readonly files: readonly ManifestFile[];
};

/**
 * Brings a table's pointer up to its head. The head is the truth, the pointer a projection of it: whoever finds it
 * behind rolls it forward, and nobody ever rolls it back.
 *
 *   read the pointer (version v, etag e) → v ≥ the head's: done
 *   write the head's, IF the pointer still has etag e → refused: somebody else rolled it; look again
 */
export async function rollForward(
  store: ObjectStore,
  keys: Keys,
  sync: string,
  head: TableHead,
): Promise<void> {
  const { snapshot } = head;
  if (!snapshot) return;
  const table = parseTableName(head.table)!;
  const key = keys.pointer(table);
  for (let tries = 1; tries <= triesMax; tries++) {
    const found = await store.get(key);
    const pointer: Pointer | null = found && JSON.parse(found.body.toString('utf8'));
    if (pointer && pointer.version >= head.version) return;
    const { schema, files } = await readManifest(store, keys, table, snapshot.run);
    const next: Pointer = {
      format: 1,
      version: head.version,
      sync,
      table: head.table,
      publishedAt: snapshot.publishedAt,
      runs: [snapshot.run],
      rows: snapshot.rows,
      bytes: snapshot.bytes,
      schema,
      files,
    };
    const body = Buffer.from(`${JSON.stringify(next, null, 1)}\n`);
    const result = await store.put(key, body, sha256Of([body]), {
      mediaType: 'application/json',
      condition: found ? { etag: found.etag } : { absent: true },
    });
    if (result.outcome === 'written') return;
  }
  throw new TidemarkError(
    'StoreUnavailable',
    `s3://${store.bucket}/${key} is being written by others all the time`,
  );
}
