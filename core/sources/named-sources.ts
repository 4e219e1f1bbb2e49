import type { Source } from './source.ts';

/** The sources of a definition: `source`, and those of `sources` that somebody has asked for. */
export type NamedSources = {
  readonly source: Source;
  /** One of `sources`, opened when it is first asked for. */
  other(name: string): Promise<Source>;
  close(): Promise<void>;
};

/** @param open null: `source` */
export async function openSources(open: (name: string | null) => Promise<Source>): Promise<NamedSources> {
  const source = await open(null);
  const others = new Map<string, Promise<Source>>();
  return {
    source,
    other(name) {
      const known = others.get(name) ?? open(name);
      others.set(name, known);
      return known;
    },
    async close() {
      await source.close();
      // one that could not be opened is not there to be closed
      for (const other of others.values()) await other.then((opened) => opened.close()).catch(() => {});
    },
  };
}
