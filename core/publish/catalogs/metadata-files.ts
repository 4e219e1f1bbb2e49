/**
 * Metadata files as Iceberg's catalogs name them: `<table>/metadata/<nnnnn>-<uuid>.metadata.json`. The number grows by
 * one with each state of the table; two who follow on the same one have the same number, and only one of their files is
 * ever committed.
 */
import { randomUUID } from 'node:crypto';
import { TidemarkError } from '../../errors.ts';
import type { Keys } from '../../objects/keys.ts';
import { putText } from '../../objects/put-text.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { TableName } from '../../sources/source.ts';
import { metadataText, parseMetadata, type TableMetadata } from '../iceberg/metadata.ts';
import type { LoadedTable } from './catalog.ts';

const digits = 5;
const named = /^([0-9]{5,})-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.metadata\.json$/;

const nameIn = (file: string): string => file.slice(file.lastIndexOf('/') + 1);

/** The number in a file's name, also where the file has come from a ledger's catalog (`v7.metadata.json`). */
function numberOf(file: string): number | null {
  const found = /^v?([0-9]+)[-.]/.exec(nameIn(file));
  return found ? Number(found[1]) : null;
}

/** A lost answer, or a write of the same name under way, is no reason to end: the next name is another one. */
const triesMax = 5;

/**
 * Writes what comes after `seen`; nobody names it yet.
 * @param seen the current file, s3://…; null: there is no table
 * @returns its s3://…
 */
export async function writeMetadataFile(
  store: ObjectStore,
  keys: Keys,
  table: TableName,
  seen: string | null,
  metadata: TableMetadata,
): Promise<string> {
  const number = seen === null ? 0 : (numberOf(seen) ?? -1) + 1;
  const text = metadataText(metadata);
  let key = '';
  for (let tries = 0; tries < triesMax; tries++) {
    key = `${keys.metadataOf(table)}${String(number).padStart(digits, '0')}-${randomUUID()}.metadata.json`;
    const { outcome } = await putText(store, key, text, {
      mediaType: 'application/json',
      condition: { absent: true },
    });
    if (outcome === 'written') return `s3://${store.bucket}/${key}`;
  }
  throw new TidemarkError(
    'StoreUnavailable',
    `s3://${store.bucket}/${key}: nothing should be there, but the store says so of ${triesMax} random names`,
  );
}

const without = (slash: string): string => slash.replace(/\/+$/, '');

/**
 * Reads the metadata file that a catalog names.
 *
 * @param place of the table in its catalog, for messages
 * @throws TidemarkError DefinitionInvalid: the table lies elsewhere, or has another format version; ProtocolViolation:
 *   the file is gone or damaged
 */
export async function readMetadataFile(
  store: ObjectStore,
  keys: Keys,
  table: TableName,
  place: string,
  file: string,
): Promise<TableMetadata> {
  const location = keys.location(table);
  if (!file.startsWith(`${location}/`)) throw elsewhere(place, `its metadata is ${file}`, location);
  const found = await store.get(file.slice(`s3://${store.bucket}/`.length));
  if (!found) {
    throw new TidemarkError(
      'ProtocolViolation',
      `${file}: the metadata of ${place} is gone: somebody has deleted it; bring it back (from an older version of the object, or a backup), then redrive`,
    );
  }
  const metadata = parsed(found.body, place, file);
  if (without(metadata.location) !== location) {
    throw elsewhere(place, `its location is ${metadata.location}`, location);
  }
  return metadata;
}

const elsewhere = (place: string, found: string, location: string): TidemarkError =>
  new TidemarkError(
    'DefinitionInvalid',
    `target.catalog: ${place} lies elsewhere: ${found}; allowed is a table at ${location}: another name for it (\`as\`), or another target.url`,
  );

function parsed(body: Buffer, place: string, file: string): TableMetadata {
  const version = formatVersionIn(body);
  if (version !== null && version !== 2) {
    throw new TidemarkError(
      'DefinitionInvalid',
      `target.catalog: ${place} has format version ${version} (${file}); allowed is 2`,
    );
  }
  try {
    const metadata = parseMetadata(body);
    if (typeof metadata.location !== 'string') throw new Error('it names no location');
    return metadata;
  } catch (cause) {
    throw new TidemarkError('ProtocolViolation', `${file} is damaged: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** null: there is none to be found. */
function formatVersionIn(body: Buffer): number | null {
  try {
    const version: unknown = (JSON.parse(body.toString('utf8')) as Record<string, unknown>)['format-version'];
    return typeof version === 'number' ? version : null;
  } catch {
    return null;
  }
}

/**
 * Of these keys the metadata files that nobody will ever name again: the log of the current one does not, and their
 * number is by two or more below its. A rival may be about to commit one of the current number or the next; a smaller one
 * follows on a state that is past, so that no catalog takes it any more.
 *
 * @param keys what lies beside the current file; others are left alone
 */
export function oldMetadataFiles(current: LoadedTable, keys: readonly string[]): string[] {
  const number = numberOf(current.file);
  if (number === null) return [];
  const bucket = /^s3:\/\/[^/]+\//.exec(current.file)![0];
  const folder = current.file.slice(0, current.file.lastIndexOf('/') + 1);
  const log = current.metadata['metadata-log'] ?? [];
  const kept = new Set([current.file, ...log.map((entry) => entry['metadata-file'])]);
  return keys.filter((key) => {
    const name = nameIn(key);
    const its = named.exec(name)?.[1];
    if (its === undefined || Number(its) > number - 2) return false;
    return bucket + key === folder + name && !kept.has(folder + name);
  });
}
