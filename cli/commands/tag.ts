import { formatTableName } from '../../core/definition/table-name.ts';
import { tag as giveTag, untag } from '../../core/publish/history.ts';
import type { Answer, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { look } from '../look.ts';
import { namedTable } from '../named-table.ts';

export type Tagging = {
  readonly table: string;
  readonly tag: string;
  /** null: the current one */
  readonly snapshot: string | null;
  readonly delete: boolean;
  /** whether a tag that is there may be taken from its snapshot */
  readonly move: boolean;
};

/** Gives a snapshot a name that keeps it from expiring, or takes the name away. */
export const tag = (context: Context, wanted: Tagging): Promise<Answer> =>
  look(context, async ({ definition, cloud }) => {
    const table = await namedTable(definition, wanted.table, cloud.ledger);
    const sync = definition.name;
    const spelled = formatTableName(table);
    const document = { command: 'tag', sync, table: spelled, tag: wanted.tag };
    if (wanted.delete) {
      await untag(cloud, sync, table, wanted.tag);
      return {
        exitCode: exitCodes.done,
        document: { ...document, snapshot: null, changed: true },
        lines: () => [`${spelled}: the tag ${wanted.tag} is gone; its snapshot stays until it expires`],
      };
    }
    const { id, changed } = await giveTag(cloud, sync, table, wanted.tag, wanted.snapshot, wanted.move);
    return {
      exitCode: exitCodes.done,
      document: { ...document, snapshot: String(id), changed },
      lines: ({ paint }) => [
        changed
          ? `${paint.good('✓')} ${spelled}: snapshot ${id} is ${wanted.tag} now, and stays for as long as the tag does`
          : `${spelled}: snapshot ${id} is ${wanted.tag} already`,
      ],
    };
  });
