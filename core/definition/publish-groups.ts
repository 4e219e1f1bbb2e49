import type { Definition } from './options.ts';

/** With which others each table is published, by its place in the definition; null: by itself. */
export const publishGroups = ({ publish, tables }: Definition): (string | null)[] =>
  tables.map(({ group }) => (publish === 'together' ? 'all' : (group ?? null)));
