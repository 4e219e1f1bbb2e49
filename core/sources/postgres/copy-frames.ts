/** How rows of `COPY … (FORMAT binary)` are framed: https://www.postgresql.org/docs/17/sql-copy.html */
import { TidemarkError } from '../../errors.ts';
import type { RowFrames } from '../reading/row-decoder.ts';

/** type, length, count of fields */
const rowHeadBytes = 7;

/** @param name of the table, for messages */
export const copyFrames = (name: string, fields: number): RowFrames => ({
  end: (view, at) => at + 1 + view.getInt32(at + 1),
  walk(view, from, end, count, offsets, lengths, stride) {
    const past = fields * stride;
    let at = from;
    for (let row = 0; row < count; row++) {
      const frameEnd = at + 1 + view.getInt32(at + 1);
      if (view.getInt16(at + 5) !== fields)
        throw new TidemarkError('TableChanged', `${name}: a row has another number of columns`);
      let field = at + rowHeadBytes;
      for (let i = row; i < past; i += stride) {
        const length = view.getInt32(field);
        field += 4;
        if (length < 0) offsets[i] = -1;
        else {
          offsets[i] = field;
          lengths[i] = length;
          field += length;
        }
      }
      if (field !== frameEnd || frameEnd > end)
        throw new TidemarkError('ProtocolViolation', `${name}: a row does not end where its frame ends`);
      at = frameEnd;
    }
    return at;
  },
});
