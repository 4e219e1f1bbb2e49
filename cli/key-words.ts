import type { TablePlan } from '../core/plan/table-plan.ts';
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

/** The same of a table as it is planned: of several that become one, each may have a key of its own. */
export const plannedKeyWords = ({
  description,
  members,
}: Pick<TablePlan, 'description' | 'members'>): string =>
  members !== undefined && description.key.by === 'nothing'
    ? `of each of ${members.length} tables`
    : keyWords(description.key);
