import { formatTableName } from '../../core/definition/table-name.ts';
import { tableOptions } from '../../core/definition/table-options.ts';
import { rollBack } from '../../core/publish/history.ts';
import type { Answer, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { look } from '../look.ts';
import { namedTable } from '../named-table.ts';
import { again } from '../next-steps.ts';
import { count } from '../quantities.ts';

/** Makes an older snapshot of a table the one that readers see. */
export const rollback = (context: Context, name: string, to: string): Promise<Answer> =>
  look(context, async ({ definition, cloud }) => {
    const table = await namedTable(definition, name, cloud.ledger);
    const { mode } = tableOptions(definition, table);
    const sync = definition.name;
    const { head, id, before, changed } = await rollBack(
      { ...cloud, manifests: definition.target.manifests },
      sync,
      table,
      to,
    );
    const { run, rows, appended } = head.snapshot!;
    const spelled = formatTableName(table);
    const shown = appended?.total.rows ?? rows;
    return {
      exitCode: exitCodes.done,
      document: {
        ...{ command: 'rollback', sync, table: spelled, snapshot: String(id), run },
        ...{ rows: shown, version: head.version, changed, before: changed ? String(before) : null },
      },
      lines: ({ paint }) => [
        changed
          ? `${paint.good('✓')} ${spelled}: readers see snapshot ${id} of run ${run} now, ${count(shown)} rows (version ${head.version})`
          : `${spelled}: readers see snapshot ${id} already; nothing was changed`,
        ...(changed
          ? [
              `  The next run that is published ${mode === 'append' ? 'adds its rows to this one' : 'takes its place'}${definition.schedule ? ', and the sync has a schedule' : ''}.`,
              `  Snapshot ${before}, which they saw until now, may expire then. To keep it: \`${again(context, `tag ${name} <tag> --snapshot ${before}`)}\``,
            ]
          : []),
      ],
    };
  });
