import type { Key } from '../core/sources/source.ts';

/** What a table is read by, for people: `id bigint`, `tenant integer, n bigint`. */
export function keyWords(key: Key): string {
  switch (key.by) {
    case 'columns':
      return key.columns.map(({ column, sourceType }) => `${column} ${sourceType}`).join(', ');
    case 'place':
      return 'none: by place';
    case 'nothing':
      return 'none: in one piece';
  }
}
