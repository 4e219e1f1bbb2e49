/** Keys that a question brings, as texts, by the way on which rows come: a key has one text. */
import { formatTableName } from '../../definition/table-name.ts';
import type { Segment } from '../reading/segment.ts';
import type { CatalogTable } from './catalog.ts';
import type { Session } from './connect.ts';
import { serverFailure, sourceFailure } from './errors.ts';
import { keyText } from './keys.ts';
import { rowFrames } from './row-frames.ts';
import { sendStatement } from './row-stream.ts';
import { widthOf } from './type-map.ts';

/** The first key that a question (see `keyQueries`) brings; null: none. */
export async function askKey(session: Session, table: CatalogTable, sql: string): Promise<string[] | null> {
  const where = formatTableName(table.description);
  const widths = table.key.map(({ wire }) => widthOf(wire));
  const frames = rowFrames(where, widths);
  let key: string[] | null = null;
  const take = ({ bytes, start, end }: Segment): void => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const offsets = new Int32Array(widths.length);
    const lengths = new Int32Array(widths.length);
    frames.walk(view, start, end, 1, offsets, lengths, 1);
    key ??= table.key.map(({ wire }, i) =>
      keyText(wire, view, bytes, offsets[i] as number, lengths[i] as number),
    );
  };
  await new Promise<void>((done, failed) => {
    session.onLost((error) => failed(sourceFailure(where, error)));
    sendStatement(session, where, sql, {
      described() {},
      segment: take,
      ready(error) {
        session.onLost(null);
        if (error === null) done();
        else failed(serverFailure(where, error, true));
      },
      broken(error) {
        session.destroy();
        failed(sourceFailure(where, error));
      },
    });
  });
  return key;
}
