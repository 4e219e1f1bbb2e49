/**
 * The table head in DynamoDB as a catalog: it names the number of the metadata file, and moves by one conditional
 * write, in which the run's claim is looked at as well. Readers find the table by its path:
 *
 *     <table>/metadata/v<n>.metadata.json     written once, before the head names it
 *     <table>/metadata/version-hint.text      n; a projection of the head, rolled forward by whoever finds it behind
 *
 * Numbers are odd: readers of such tables (Iceberg's HadoopTables) look for `v<n + 1>` beyond the hint, and would take
 * a file for committed that a publisher wrote before it died.
 */
import { formatTableName, parseTableName } from '../../definition/table-name.ts';
import { TidemarkError } from '../../errors.ts';
import type { Ledger, TableHead } from '../../ledger/ledger.ts';
import type { Keys } from '../../objects/keys.ts';
import { putText } from '../../objects/put-text.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { TableName } from '../../sources/source.ts';
import { metadataText, parseMetadata } from '../iceberg/metadata.ts';
import { mendMetadata } from '../iceberg/read.ts';
import { previousMax } from '../iceberg/table.ts';
import type { Catalog, LoadedTable } from './catalog.ts';

const firstNumber = 1;
const step = 2;
/** Attempts that died between the file and the head leave one each. */
const leftoversMax = 100;

export function ledgerCatalog(ledger: Ledger, store: ObjectStore, keys: Keys, sync: string): Catalog {
  /** Tables whose metadata folder somebody has emptied: they begin anew, after the number that the head names. */
  const emptied = new Map<string, number>();
  return {
    async load(table, head) {
      refuseInCatalog(head);
      const number = head?.metadata ?? (await numberBesideHint(ledger, store, keys, sync, table));
      if (!number) return null;
      const key = keys.metadataFile(table, number);
      const file = `s3://${store.bucket}/${key}`;
      const found = await store.get(key);
      if (!found) {
        if (!(await isEmptied(store, keys, table))) throw gone(file, formatTableName(table));
        emptied.set(formatTableName(table), number);
        return null;
      }
      try {
        return { metadata: parseMetadata(found.body), version: String(number), file };
      } catch (cause) {
        throw new TidemarkError(
          'ProtocolViolation',
          `${file} is damaged: ${(cause as Error).message}; ${mendMetadata}`,
          {
            cause,
          },
        );
      }
    },

    async commit(table, seen, next, change) {
      const name = formatTableName(table);
      const before = seen ? Number(seen.version) : (emptied.get(name) ?? null);
      const metadata = {
        seen: before,
        next: await writeNext(store, keys, table, before, metadataText(next)),
      };
      if (change.kind !== 'publish') {
        const shown = change.kind === 'show' ? change.snapshot : null;
        const head = await ledger.changeTable(sync, name, shown, metadata);
        // nobody else has this number: its file was not there before
        return head.metadata === metadata.next ? head : 'changed';
      }
      const { run } = change.snapshot;
      const head = await ledger.publishTable(sync, name, change.snapshot, metadata);
      return head.publishedRun === run || head.claimedBy !== run ? head : 'changed';
    },

    oldMetadataFiles: async (table, loaded) =>
      metadataFilesBefore(loaded).map((number) => keys.metadataFile(table, number)),

    // both are one item: a head is never behind
    async follow(table) {
      return (await ledger.tableHead(sync, formatTableName(table)))!;
    },
  };
}

/**
 * The number that a head has got since it was read without one; null: the table is not there yet.
 * @throws TidemarkError DefinitionInvalid where the hint is not of a head of ours, which always comes before it
 */
async function numberBesideHint(
  ledger: Ledger,
  store: ObjectStore,
  keys: Keys,
  sync: string,
  table: TableName,
): Promise<number | null> {
  if (!(await store.get(keys.versionHint(table)))) return null;
  const number = (await ledger.tableHead(sync, formatTableName(table)))?.metadata;
  if (number) return number;
  throw new TidemarkError(
    'DefinitionInvalid',
    `target.url: ${keys.location(table)} holds an Iceberg table, of which this ledger knows nothing; allowed is a place of this sync's own: another target.url, or this one after the folder has been moved away`,
  );
}

/** Writes the file under the next number that nobody has used; its number. */
async function writeNext(
  store: ObjectStore,
  keys: Keys,
  table: TableName,
  before: number | null,
  text: string,
): Promise<number> {
  let number = before === null ? firstNumber : before + step;
  for (let tries = 0; tries < leftoversMax; tries++, number += step) {
    const { outcome } = await putText(store, keys.metadataFile(table, number), text, {
      mediaType: 'application/json',
      condition: { absent: true },
    });
    if (outcome === 'written') return number;
  }
  throw new TidemarkError(
    'StoreUnavailable',
    `s3://${store.bucket}/${keys.metadataFile(table, number)}: so are the ${leftoversMax} numbers before it taken`,
  );
}

/** What the ledger knows of a table's metadata is old once the table has moved into a catalog. */
function refuseInCatalog(head: TableHead | null): void {
  if (!head?.inCatalog) return;
  throw new TidemarkError(
    'DefinitionInvalid',
    `target.catalog: table ${head.table} stands in another catalog, in which it was published; allowed is that one, as it was named before, or another target.url`,
  );
}

/** Whether there is nothing in a table's metadata folder but the hint, which Plan brings back. */
async function isEmptied(store: ObjectStore, keys: Keys, table: TableName): Promise<boolean> {
  for await (const { key } of store.list(keys.metadataOf(table)))
    if (key !== keys.versionHint(table)) return false;
  return true;
}

const gone = (file: string, table: string): TidemarkError =>
  new TidemarkError(
    'ProtocolViolation',
    `${file}: table ${table}'s metadata is gone: somebody has deleted it; ${mendMetadata}`,
  );

/** Below the oldest file that is kept, as many numbers are looked at: what sweeps that died have missed. */
const missedMax = 50;

/** Numbers of files before the current one that its log does not name: too old, or of attempts that died. */
function metadataFilesBefore({ version, metadata }: LoadedTable): number[] {
  const numberOf = (file: string): number => Number(/v([0-9]+)\.metadata\.json$/.exec(file)?.[1]);
  const log = metadata['metadata-log'] ?? [];
  const kept = new Set(log.map((entry) => numberOf(entry['metadata-file'])));
  const oldest = Math.min(Number(version), ...kept);
  const missed = log.length < previousMax ? 0 : missedMax;
  const numbers: number[] = [];
  for (let number = Math.max(firstNumber, oldest - step * missed); number < Number(version); number += step)
    if (!kept.has(number)) numbers.push(number);
  return numbers;
}

const hintTriesMax = 10;

/**
 * Brings `version-hint.text` up to the head. Nobody ever sets it back.
 * @throws TidemarkError DefinitionInvalid where there is an Iceberg table of which the head knows nothing
 */
export async function rollHintForward(
  ledger: Ledger,
  store: ObjectStore,
  keys: Keys,
  sync: string,
  head: TableHead,
): Promise<void> {
  refuseInCatalog(head);
  const table = parseTableName(head.table)!;
  const number = head.metadata ?? (await numberBesideHint(ledger, store, keys, sync, table));
  if (!number) return;
  const key = keys.versionHint(table);
  for (let tries = 1; tries <= hintTriesMax; tries++) {
    const found = await store.get(key);
    const shown = Number(found?.body.toString('utf8'));
    if (shown === number) return;
    // a later head's, which has moved since this one was read, or nobody's
    const latest = shown > number ? ((await ledger.tableHead(sync, head.table))?.metadata ?? number) : number;
    if (shown > number && shown <= latest) return;
    const result = await putText(store, key, String(latest), {
      mediaType: 'text/plain',
      condition: found ? { etag: found.etag } : { absent: true },
    });
    if (result.outcome === 'written') return;
  }
  throw new TidemarkError(
    'StoreUnavailable',
    `s3://${store.bucket}/${key} is being written by others all the time`,
  );
}
