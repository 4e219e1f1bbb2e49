import { parseTableName } from '../definition/table-name.ts';
import { TidemarkError } from '../errors.ts';
import { checkFormat } from '../format-version.ts';
import type { Column } from '../formats/column.ts';
import type { Snapshot, TableHead } from '../ledger/ledger.ts';
import type { Keys } from '../objects/keys.ts';
import { putText } from '../objects/put-text.ts';
import type { ObjectStore } from '../objects/store.ts';
import { type ManifestFile, readManifest } from './manifest.ts';

const triesMax = 10;
const formatVersion = 1;

/** `<table>/current.json`: what readers see now. Written whole, in one step, and only with a growing version. */
export type Pointer = {
  readonly format: number;
  readonly version: number;
  readonly sync: string;
  readonly table: string;
  readonly publishedAt: string;
  readonly runs: readonly string[];
  /** the run that was published last, where an older one's snapshot is shown */
  readonly publishedRun?: string;
  readonly rows: number;
  readonly bytes: number;
  readonly schema: readonly Column[];
  readonly files: readonly PointedFile[];
};

/** Of files that another program has written, only this much is known. */
export type PointedFile = Pick<ManifestFile, 'key' | 'rows' | 'bytes'> & Partial<ManifestFile>;

/** The runs whose files a table holds, and the files. */
export type Contents = { readonly runs: readonly string[]; readonly files: readonly PointedFile[] };

function parsePointer(body: Buffer, place: string): Pointer {
  let pointer: Pointer;
  try {
    pointer = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new TidemarkError(
      'ProtocolViolation',
      `${place} is not what Tidemark wrote there: delete it, then redrive: it is written anew`,
      { cause },
    );
  }
  checkFormat(place, pointer.format, formatVersion);
  return pointer;
}

/** @returns null where there is none @throws TidemarkError ProtocolViolation, FormatTooNew */
export async function readPointer(store: ObjectStore, key: string): Promise<Pointer | null> {
  const found = await store.get(key);
  return found && parsePointer(found.body, `s3://${store.bucket}/${key}`);
}

/**
 * Whether a pointer tells another story than the ledger: another sync's, or that of a ledger which is gone. In one
 * ledger the versions and the runs of a table grow together, and a run that claims it is not before the one shown.
 * To go on would leave readers with a snapshot whose files are swept.
 */
function isOfAnother(pointer: Pointer, sync: string, head: TableHead): boolean {
  if (pointer.sync !== sync) return true;
  const shown = pointer.publishedRun ?? [...pointer.runs].sort().at(-1) ?? '';
  const { version, publishedRun, claimedBy } = head;
  if (!publishedRun) return claimedBy !== null && shown < claimedBy;
  const ahead = Math.sign(pointer.version - version);
  const inOrder = shown < publishedRun ? -1 : shown > publishedRun ? 1 : 0;
  // going back to an older snapshot is a version of its own, and no new run
  return inOrder !== ahead && (ahead === 0 || inOrder !== 0);
}

/**
 * Brings a table's pointer up to its head. The head is the truth, the pointer a projection of it: whoever finds it
 * behind rolls it forward, and nobody ever rolls it back.
 *
 *   read the pointer (version v, etag e) → v ≥ the head's: done
 *   write the head's, IF the pointer still has etag e → refused: somebody else rolled it; look again
 *
 * @param contents what a table holds to which runs are added; asked for only where the pointer's own does not say it
 * @returns false where that cannot be done: the snapshot's manifest was deleted, with the pointer. The next snapshot mends it
 * @throws TidemarkError DefinitionInvalid where the pointer is another sync's or another ledger's
 */
export async function rollForward(
  store: ObjectStore,
  keys: Keys,
  sync: string,
  head: TableHead,
  contents: () => Promise<Contents>,
): Promise<boolean> {
  const { snapshot } = head;
  const table = parseTableName(head.table)!;
  const key = keys.pointer(table);
  for (let tries = 1; tries <= triesMax; tries++) {
    const found = await store.get(key);
    const place = `s3://${store.bucket}/${key}`;
    const pointer = found && parsePointer(found.body, place);
    if (pointer && isOfAnother(pointer, sync, head)) {
      throw new TidemarkError(
        'DefinitionInvalid',
        `target.url: ${place} was published by sync ${pointer.sync} (run ${pointer.runs.join(', ')}), which this ledger knows nothing of; allowed is a place of this sync's own: another target.url, or this one after the folder of table ${head.table} has been moved away`,
      );
    }
    if (!snapshot || (pointer && pointer.version >= head.version)) return true;
    const manifest = await readManifest(store, keys, table, snapshot.run);
    if (!manifest) return false;
    const { schema, files: added } = manifest;
    const { runs, files } = contentsAfter(pointer, head, snapshot, added) ?? (await contents());
    const next: Pointer = {
      format: formatVersion,
      version: head.version,
      sync,
      table: head.table,
      publishedAt: snapshot.publishedAt,
      runs,
      ...(head.publishedRun !== runs.at(-1) && { publishedRun: head.publishedRun! }),
      rows: files.reduce((sum, file) => sum + file.rows, 0),
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      schema,
      files,
    };
    const result = await putText(store, key, `${JSON.stringify(next, null, 1)}\n`, {
      mediaType: 'application/json',
      condition: found ? { etag: found.etag } : { absent: true },
    });
    if (result.outcome === 'written') return true;
  }
  throw new TidemarkError(
    'StoreUnavailable',
    `s3://${store.bucket}/${key} is being written by others all the time`,
  );
}

/** What the table holds, where that can be said without its metadata: all is the run's, or was added to what the pointer shows. */
function contentsAfter(
  pointer: Pointer | null,
  { version }: TableHead,
  { run, appended }: Snapshot,
  added: readonly ManifestFile[],
): Contents | null {
  if (!appended) return { runs: [run], files: added };
  const isNext = pointer?.version === version - 1 && pointer.runs.at(-1) === appended.to;
  return isNext ? { runs: [...pointer.runs, run], files: [...pointer.files, ...added] } : null;
}
