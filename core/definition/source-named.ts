import type { Definition } from './options.ts';

/** The definition with another of its sources in the place of `source`. @param name null: as it is */
export const sourceNamed = (definition: Definition, name: string | null): Definition =>
  name === null ? definition : { ...definition, source: definition.sources[name]! };
