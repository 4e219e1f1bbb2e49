/** One bucket of objects in a Map, behind the core's own interface: for tests whose subject is not S3. */
import { createHash } from 'node:crypto';
import type { ObjectStore, StoredObject } from '../../core/objects/store.ts';

export type MapStore = ObjectStore & { readonly objects: ReadonlyMap<string, Buffer> };

const etagOf = (body: Buffer): string => createHash('md5').update(body).digest('hex');

export function mapStore(bucket: string): MapStore {
  const objects = new Map<string, Buffer>();
  const keysUnder = (prefix: string): string[] =>
    [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  return {
    bucket,
    objects,
    async put(key, body, _sha256, { condition }) {
      const found = objects.get(key);
      if (condition && 'absent' in condition && found) return { outcome: 'conflict' };
      if (condition && 'etag' in condition && (!found || etagOf(found) !== condition.etag))
        return { outcome: 'conflict' };
      const bytes = Buffer.concat(body instanceof Uint8Array ? [body] : body);
      objects.set(key, bytes);
      return { outcome: 'written', etag: etagOf(bytes) };
    },
    async get(key) {
      const body = objects.get(key);
      return body ? { body, etag: etagOf(body) } : null;
    },
    async head(key) {
      const body = objects.get(key);
      if (!body) return null;
      return { size: body.length, sha256: null, metadata: {}, etag: etagOf(body) } satisfies StoredObject;
    },
    async copyToAbsent(from, to) {
      const body = objects.get(from);
      if (!body) return { outcome: 'source-gone' };
      if (objects.has(to)) return { outcome: 'conflict' };
      objects.set(to, body);
      return { outcome: 'copied', sha256: null };
    },
    async delete(keys) {
      for (const key of keys) objects.delete(key);
    },
    async *list(prefix, before) {
      for (const key of keysUnder(prefix)) {
        if (before !== undefined && key >= before) return;
        const found = objects.get(key);
        if (found) yield { key, size: found.length };
      }
    },
    async *listFolders(prefix) {
      yield* new Set(
        keysUnder(prefix)
          .map((key) => /^[^/]*\//.exec(key.slice(prefix.length))?.[0])
          .flatMap((folder) => (folder ? [prefix + folder] : [])),
      );
    },
  };
}
