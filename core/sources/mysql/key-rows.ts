/** Keys that a question brings, as texts, by the way on which rows come: a key has one text. */
import { formatTableName } from '../../definition/table-name.ts';
import { joinKey } from '../key-text.ts';
import type { Segment } from '../reading/segment.ts';
import type { CatalogTable } from './catalog.ts';
import type { Session } from './connect.ts';
import { serverFailure, sourceFailure } from './errors.ts';
import { keyText } from './keys.ts';
import { rowFrames } from './row-frames.ts';
import { sendStatement } from './row-stream.ts';
import { keyColumns } from './statement.ts';
import { widthOf } from './type-map.ts';

/** @param rest what follows the key's columns in the question: FROM and so on */
export async function askKeys(session: Session, table: CatalogTable, rest: string): Promise<string[]> {
  const where = formatTableName(table.description);
  const widths = table.key.map(({ wire }) => widthOf(wire));
  const frames = rowFrames(where, widths);
  const keys: string[] = [];
  const take = ({ bytes, start, end, rows }: Segment): void => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const offsets = new Int32Array(widths.length);
    const lengths = new Int32Array(widths.length);
    for (let at = start, left = rows; left > 0; left--) {
      at = frames.walk(view, at, end, 1, offsets, lengths, 1);
      const values = table.key.map(({ wire }, i) =>
        keyText(wire, view, bytes, offsets[i] as number, lengths[i] as number),
      );
      keys.push(joinKey(values));
    }
  };
  await new Promise<void>((done, failed) => {
    session.onLost((error) => failed(sourceFailure(where, error)));
    sendStatement(session, where, `SELECT ${keyColumns(table)} ${rest}`, {
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
  return keys;
}
