/**
 * How rows of a prepared statement's answer are framed: a packet each, that holds 0, a bitmap of the NULLs (two bits
 * more than columns, in front) and the values one after the other. Numbers have their type's width, all else a length.
 *
 * A row of 16 MiB and more comes in several packets. Put together, it is framed as no packet is: the head says 16 MiB − 1,
 * its own length follows in four bytes.
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html)
 */
import { TidemarkError } from '../../errors.ts';
import type { RowFrames } from '../reading/row-decoder.ts';
import { headBytes, packetBytesMax } from './packets.ts';

/** Of a row that came in several packets. */
export const longHeadBytes = headBytes + 4;

const frameEnd = (view: DataView, at: number): number => {
  const bytes = view.getUint32(at, true) & packetBytesMax;
  if (bytes < packetBytesMax) return at + headBytes + bytes;
  return at + longHeadBytes + view.getUint32(at + headBytes, true);
};

/**
 * @param name of the table, for messages
 * @param widths of the fields' values; 0: each says its own
 */
export function rowFrames(name: string, widths: readonly number[]): RowFrames {
  const fields = widths.length;
  const bitmapBytes = (fields + 9) >> 3;
  const fixed = Uint8Array.from(widths);
  return {
    end: frameEnd,
    walk(view, from, end, count, offsets, lengths, stride) {
      let at = from;
      for (let row = 0; row < count; row++) {
        const rowEnd = frameEnd(view, at);
        const bits =
          at + ((view.getUint32(at, true) & packetBytesMax) < packetBytesMax ? headBytes : longHeadBytes) + 1;
        let field = bits + bitmapBytes;
        if (rowEnd > end || field > rowEnd)
          throw new TidemarkError('ProtocolViolation', `${name}: a row is shorter than its head`);
        for (let f = 0, i = row; f < fields; f++, i += stride) {
          if ((view.getUint8(bits + ((f + 2) >> 3)) >> ((f + 2) & 7)) & 1) {
            offsets[i] = -1;
            continue;
          }
          let length = fixed[f] as number;
          if (length === 0) {
            length = view.getUint8(field++);
            if (length === 0xfc) {
              length = view.getUint16(field, true);
              field += 2;
            } else if (length === 0xfd) {
              length = view.getUint16(field, true) + view.getUint8(field + 2) * 0x10000;
              field += 3;
            } else if (length === 0xfe) {
              length = view.getUint32(field, true) + view.getUint32(field + 4, true) * 2 ** 32;
              field += 8;
            }
          }
          offsets[i] = field;
          lengths[i] = length;
          field += length;
        }
        if (field !== rowEnd)
          throw new TidemarkError('ProtocolViolation', `${name}: a row does not end where its packet ends`);
        at = rowEnd;
      }
      return at;
    },
  };
}
