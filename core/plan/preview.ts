import type { Definition } from '../definition/options.ts';
import { formatTableName, parseTableName } from '../definition/table-name.ts';
import { type PlanSources, planTable } from './plan-table.ts';
import {
  emptyPatterns,
  idleExcludes,
  listedFor,
  passedOver,
  tableNames,
  tableProblems,
} from './run-tables.ts';
import type { TablePlan } from './table-plan.ts';

export type Preview = {
  /** as a run that began now would have them */
  readonly tables: readonly string[];
  /** those of them that are no tables, but patterns that take none */
  readonly empty: ReadonlySet<string>;
  /** what a user should know of the patterns */
  readonly notes: readonly string[];
  /**
   * How one of them would be copied.
   * @throws TidemarkError why it could not be
   */
  plan(table: string): Promise<TablePlan>;
};

/** So many are named; the others are counted. */
const namedMax = 20;

/** What a run would do that began now; reads the catalog and samples, writes nothing. */
export async function previewRun(sources: PlanSources, definition: Definition): Promise<Preview> {
  const listed = await listedFor(sources.source, definition);
  const tables = tableNames(definition, listed);
  const empty = emptyPatterns(definition, tables, listed);
  const problems = new Map([...tableProblems(definition, tables, listed), ...empty]);
  const over = passedOver(definition, listed).map((table) => `${formatTableName(table)} (${table.kind})`);
  const more = over.length > namedMax ? `, and ${over.length - namedMax} more` : '';
  return {
    tables,
    empty: new Set(empty.keys()),
    notes: [
      ...idleExcludes(definition, listed).map((text) => `exclude: ${text} takes nothing out of any pattern`),
      ...(over.length > 0
        ? [
            `patterns do not take ${over.slice(0, namedMax).join(', ')}${more}: to copy them, name each, with its \`key:\``,
          ]
        : []),
    ],
    async plan(table) {
      const problem = problems.get(table);
      if (problem) throw problem;
      return planTable(sources, definition, parseTableName(table)!, listed);
    },
  };
}
