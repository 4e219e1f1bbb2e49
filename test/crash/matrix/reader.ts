/** Somebody who looks at what is published all the time, and notes what was wrong with it. */
import { sha256Of } from '../../../core/objects/checksum.ts';
import type { Pointer } from '../../../core/publish/pointer.ts';
import { rowsOfFile } from '../../core/copy/chunk-fixture.ts';
import type { Row } from '../../support/memory-source.ts';
import type { Sights } from './cloud.ts';
import { type IcebergLook, lookAsIceberg } from './iceberg-look.ts';

export type Snapshot = { readonly pointer: Pointer; readonly files: readonly Buffer[] };

export type Reader = {
  /** Looks at every table, now. */
  look(): void;
  /** the snapshots of a table that were seen, in order */
  seen(table: string): readonly Snapshot[];
  readonly wrong: readonly string[];
  /** of the snapshot that readers of Iceberg were shown last; null: none */
  rowsAsIceberg(table: string): number | null;
  /** Snapshots that were shown before the ledger had them. */
  early(): Promise<string[]>;
};

/** @param pointers table → the key of its `current.json` */
export function readerOf(place: Sights, pointers: ReadonlyMap<string, string>): Reader {
  const wrong: string[] = [];
  const seen = new Map<string, Snapshot[]>([...pointers.keys()].map((table) => [table, []]));
  const stamps = new Map<string, unknown>();
  const early: Promise<string[]>[] = [];

  /** The head is the truth, and its version only grows: what is shown must be there by now. */
  async function earlierThanHead(table: string, { version, runs }: Pointer): Promise<string[]> {
    const items = await place.items();
    const head = items.find(({ sk }) => sk === `TABLE#public.${table}`);
    const isTrue =
      Number(head?.version ?? 0) > version || (head?.version === version && head.snapshotRun === runs.at(-1));
    return isTrue ? [] : [`${table}: version ${version} was shown before the ledger had it`];
  }

  function open(table: string, at: string): void {
    const pointer: Pointer = JSON.parse(place.bodyOf(at).toString('utf8'));
    const before = seen.get(table)!.at(-1)?.pointer;
    if (before && pointer.version <= before.version) {
      wrong.push(`${table}: version ${pointer.version} after version ${before.version}`);
    }
    const files: Buffer[] = [];
    for (const { key, bytes, checksum } of pointer.files) {
      if (place.stampOf(key) === undefined) {
        wrong.push(`${table}: version ${pointer.version} names ${key}, which is missing`);
        continue;
      }
      const body = place.bodyOf(key);
      if (body.length !== bytes || `sha256:${sha256Of([body])}` !== checksum) {
        wrong.push(`${table}: version ${pointer.version}: ${key} is not what it says`);
      }
      files.push(body);
    }
    seen.get(table)!.push({ pointer, files });
    early.push(earlierThanHead(table, pointer).catch((error: unknown) => [String(error)]));
  }

  let lookedAt: number | undefined;
  const hints = new Map<string, { readonly stamp: unknown; readonly looks: readonly IcebergLook[] }>();

  /** The same table by the path that readers of Iceberg take. */
  function openAsIceberg(table: string, folder: string): void {
    const stamp = place.stampOf(`${folder}metadata/version-hint.text`);
    const { stamp: before, looks = [] } = hints.get(table) ?? {};
    if (stamp === undefined) {
      if (looks.length > 0) wrong.push(`${table}: version-hint.text has gone`);
      return;
    }
    if (stamp !== before) {
      const found = lookAsIceberg(place, folder);
      if (found.number < (looks.at(-1)?.number ?? 0)) wrong.push(`${table}: the hint has gone back`);
      wrong.push(...found.wrong);
      hints.set(table, { stamp, looks: [...looks, found].slice(-2) });
    }
    // who opened the snapshot before this one may still be reading it
    for (const { number, files } of hints.get(table)!.looks) {
      const missing = files.find((key) => place.stampOf(key) === undefined);
      if (missing) wrong.push(`${table}: ${missing} of metadata v${number} was deleted`);
    }
  }

  return {
    wrong,
    rowsAsIceberg: (table) => hints.get(table)?.looks.at(-1)?.rows ?? null,
    early: async () => (await Promise.all(early)).flat(),
    seen: (table) => seen.get(table)!,
    look() {
      const changes = place.changes?.();
      if (changes !== undefined && changes === lookedAt) return;
      lookedAt = changes;
      for (const [table, key] of pointers) {
        openAsIceberg(table, key.replace(/current\.json$/, ''));
        const stamp = place.stampOf(key);
        if (stamp === undefined) {
          if (seen.get(table)!.length > 0) wrong.push(`${table}: current.json has gone`);
          continue;
        }
        if (stamps.get(table) !== stamp) {
          stamps.set(table, stamp);
          open(table, key);
        }
        // who opened the snapshot before this one may still be reading it
        for (const { pointer } of seen.get(table)!.slice(-2)) {
          const missing = pointer.files.find((file) => place.stampOf(file.key) === undefined);
          if (missing) wrong.push(`${table}: ${missing.key} of version ${pointer.version} was deleted`);
        }
      }
    },
  };
}

const decoded = new Map<string, Promise<Row[]>>();

/** The rows of a Parquet file, by a reader that is not ours; the same bytes are read once. */
export function rowsOf(body: Buffer): Promise<Row[]> {
  const sha256 = sha256Of([body]);
  const known = decoded.get(sha256) ?? rowsOfFile(body);
  decoded.set(sha256, known);
  return known;
}
