import { formatTableName } from '../../core/definition/table-name.ts';
import { history } from '../../core/publish/history.ts';
import type { Answer, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { type LayoutColumn, layOut } from '../layout.ts';
import { look } from '../look.ts';
import { namedTable } from '../named-table.ts';
import { again } from '../next-steps.ts';
import { bytes, count, instant } from '../quantities.ts';

const columns: readonly LayoutColumn[] = [
  { title: '', align: 'left', keep: null },
  { title: 'snapshot', align: 'left', keep: null },
  { title: 'committed', align: 'left', keep: 4 },
  { title: 'run', align: 'left', keep: 6 },
  { title: 'operation', align: 'left', keep: 0 },
  { title: 'rows', align: 'right', keep: 5 },
  { title: 'size', align: 'right', keep: 1 },
  { title: 'tags', align: 'left', keep: 7 },
];

/** A table's snapshots, newest first: which one readers see, and to which one can go back. */
export const snapshots = (context: Context, name: string): Promise<Answer> =>
  look(context, async ({ definition, cloud }) => {
    const table = await namedTable(definition, name, cloud.ledger);
    const spelled = formatTableName(table);
    const { head, snapshots: found } = await history(cloud, definition.name, table);
    return {
      exitCode: exitCodes.done,
      document: {
        command: 'snapshots',
        sync: definition.name,
        table: spelled,
        version: head.version,
        snapshots: found,
      },
      lines: ({ paint, width }) => {
        const rows = found.map(({ id, run, committedAt, operation, totals, isCurrent, references }) => [
          { text: isCurrent ? '→' : ' ', ...(isCurrent && { paint: paint.good }) },
          { text: id, ...(isCurrent && { paint: paint.good }) },
          { text: instant(committedAt) },
          { text: run ?? 'another program’s' },
          { text: operation },
          { text: totals ? count(totals.rows) : '—' },
          { text: totals ? bytes(totals.bytes) : '—' },
          { text: references.join(' ') },
        ]);
        return [
          `${spelled}: readers see → (version ${head.version})`,
          '',
          ...layOut(columns, rows, width, paint.faint),
          '',
          `back to an older one: \`${again(context, `rollback ${name} <snapshot>`)}\``,
          `keep one from expiring: \`${again(context, `tag ${name} <tag> --snapshot <snapshot>`)}\``,
        ];
      },
    };
  });
