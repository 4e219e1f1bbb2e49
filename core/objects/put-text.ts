import { sha256Of } from './checksum.ts';
import type { ObjectStore, PutOptions, PutResult } from './store.ts';

/** Stores a text as UTF-8, with its checksum. */
export function putText(
  store: ObjectStore,
  key: string,
  text: string,
  options: PutOptions,
): Promise<PutResult> {
  const body = Buffer.from(text, 'utf8');
  return store.put(key, body, sha256Of([body]), options);
}
