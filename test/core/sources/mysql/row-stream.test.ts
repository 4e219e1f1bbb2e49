import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ServerError } from '../../../../core/sources/mysql/errors.ts';
import type { DescribedColumn } from '../../../../core/sources/mysql/packets.ts';
import { rowFrames } from '../../../../core/sources/mysql/row-frames.ts';
import { sendStatement } from '../../../../core/sources/mysql/row-stream.ts';
import type { Segment } from '../../../../core/sources/reading/segment.ts';

const packetMax = 0xffffff;

/** Packets of a payload, as the server cuts it, numbered from `number`. */
function packets(payload: Buffer, number: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; at += packetMax) {
    const piece = payload.subarray(at, at + packetMax);
    parts.push(
      Buffer.of(piece.length & 255, (piece.length >> 8) & 255, piece.length >> 16, number++ & 255),
      piece,
    );
    if (piece.length < packetMax) return Buffer.concat(parts);
  }
}

const lengthOf = (bytes: number): Buffer => {
  if (bytes < 251) return Buffer.of(bytes);
  const long = Buffer.alloc(9);
  long[0] = bytes < 65_536 ? 0xfc : bytes < 2 ** 24 ? 0xfd : 0xfe;
  long.writeUIntLE(bytes, 1, 6);
  return long.subarray(0, bytes < 65_536 ? 3 : bytes < 2 ** 24 ? 4 : 9);
};
const text = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([lengthOf(bytes.length), bytes]);
};

function definition(name: string, type: number, extended: boolean): Buffer {
  const fixed = Buffer.alloc(13);
  fixed[0] = 12;
  fixed.writeUInt16LE(45, 1);
  fixed.writeUInt32LE(80, 3);
  fixed[7] = type;
  const names = ['def', 'shop', 't', 'orders', name, name].map(text);
  return Buffer.concat([...names, ...(extended ? [text('\0\x04uuid')] : []), fixed]);
}

type Shape = { readonly eof: boolean; readonly extended: boolean };

/** A row of an INT and a text; null: NULL */
function row([number, value]: readonly [number, string | null]): Buffer {
  const int = Buffer.alloc(4);
  int.writeInt32LE(number);
  return Buffer.concat([
    Buffer.of(0, value === null ? 0b1000 : 0),
    int,
    ...(value === null ? [] : [text(value)]),
  ]);
}

/** What the server says to the prepared statement, and to its execution. */
function answers(
  rows: readonly (readonly [number, string | null])[],
  { eof, extended }: Shape,
): [Buffer, Buffer] {
  const columns = [definition('id', 3, extended), definition('v', 253, extended)];
  const eofPacket = Buffer.of(0xfe, 0, 0, 2, 0);
  const prepared = Buffer.of(0, 7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0);
  const sent = (payloads: readonly Buffer[]) =>
    Buffer.concat(payloads.map((payload, i) => packets(payload, i + 1)));
  const end = eof ? eofPacket : Buffer.of(0xfe, 0, 0, 2, 0, 0, 0);
  return [
    sent([prepared, ...columns, ...(eof ? [eofPacket] : [])]),
    sent([Buffer.of(2), ...columns, ...(eof ? [eofPacket] : []), ...rows.map(row), end]),
  ];
}

type Seen = {
  columns: readonly DescribedColumn[] | null;
  error: ServerError | null | undefined;
  broken: unknown;
};

/** Sends a statement to nobody, and feeds what a server would answer, in chunks that end at these places. */
function run(replies: readonly Buffer[], { eof, extended }: Shape, cuts: readonly number[]) {
  const stream = new EventEmitter();
  const written: Buffer[] = [];
  const rows: [number, string | null][] = [];
  const line: { feed(chunk: Buffer): void } = { feed() {} };
  const seen: Seen = { columns: null, error: undefined, broken: null };
  const frames = rowFrames('shop.orders', [4, 0]);
  sendStatement(
    {
      tap: {
        take(handler) {
          line.feed = handler ?? (() => {});
        },
        recycle() {},
        rest() {},
      },
      stream: Object.assign(stream, { write: (data: Buffer) => written.push(data) > 0 }) as unknown as Duplex,
      ...{ silenceMsMax: 60_000, extendedMetadata: extended, eofPackets: eof },
    },
    'shop.orders',
    'SELECT id, v FROM orders',
    {
      described(columns) {
        seen.columns = columns;
      },
      segment({ bytes, start, end, rows: count, lastRow }: Segment) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const [offsets, lengths] = [new Int32Array(2), new Int32Array(2)];
        let at = start;
        for (let i = 0; i < count; i++) {
          if (i === count - 1) expect(at).toBe(lastRow);
          at = frames.walk(view, at, end, 1, offsets, lengths, 1);
          const [, from = 0] = offsets;
          const value = from < 0 ? null : bytes.toString('utf8', from, from + (lengths[1] ?? 0));
          rows.push([view.getInt32(offsets[0] as number, true), value]);
        }
        expect(at).toBe(end);
      },
      ready(error) {
        seen.error = error;
      },
      broken(error) {
        seen.broken = error;
      },
    },
  );
  for (const [i, reply] of replies.entries()) {
    const places = i === replies.length - 1 ? cuts.map((cut) => cut % (reply.length + 1)) : [];
    const ends = [...new Set([...places, reply.length])].sort((a, b) => a - b);
    let from = 0;
    for (const end of ends) {
      // as from a socket: memory that is used again
      const chunk = Buffer.from(reply.subarray(from, end));
      line.feed(chunk);
      from = end;
    }
  }
  return { rows, written, ...seen };
}

const shapes: Shape[] = [true, false].flatMap((eof) => [true, false].map((extended) => ({ eof, extended })));
const someRows: [number, string | null][] = [
  [1, 'a'],
  [2, null],
  [-3, 'x'.repeat(300)],
  [4, ''],
  [254, 'þ'.repeat(40_000)],
];

describe.each(shapes)('an answer, %j', (shape) => {
  const [prepared, executed] = answers(someRows, shape);

  test('cut at every byte', () => {
    const whole = run([prepared, executed], shape, []);
    expect(whole.rows).toEqual(someRows);
    expect(whole.error).toBeNull();
    expect(whole.columns).toEqual([
      { type: 3, charset: 45, length: 80, unsigned: false, decimals: 0 },
      { type: 253, charset: 45, length: 80, unsigned: false, decimals: 0 },
    ]);
    // prepare, execute, close
    expect(whole.written.map((packet) => packet[4])).toEqual([0x16, 0x17, 0x19]);
    for (let cut = 0; cut <= 900; cut++)
      expect(run([prepared, executed], shape, [cut]).rows).toEqual(someRows);
    for (let cut = 0; cut <= prepared.length; cut++)
      expect(run([prepared.subarray(0, cut), prepared.subarray(cut), executed], shape, []).rows).toEqual(
        someRows,
      );
  });

  test('property: any rows, however they are cut into chunks', () => {
    const rows = fc.array(fc.tuple(fc.integer(), fc.option(fc.string({ maxLength: 400 }))), {
      maxLength: 50,
    });
    fc.assert(
      fc.property(rows, fc.array(fc.nat(), { maxLength: 40 }), (made, cuts) => {
        const read = run(answers(made, shape), shape, cuts);
        expect(read.rows).toEqual(made);
        expect([read.broken, read.error]).toEqual([null, null]);
      }),
      { numRuns: 100 },
    );
  });
});

const [shape] = shapes as [Shape];

test.each([packetMax - 11, packetMax - 10, packetMax - 9, 2 * packetMax - 10, 20_000_000])(
  'a text of %i bytes: rows as long as packets, and longer',
  (bytes) => {
    const rows: [number, string | null][] = [
      [1, 'before'],
      [2, 'y'.repeat(bytes)],
      [3, 'after'],
    ];
    for (const cuts of [[], [70, 1_000_000, packetMax, packetMax + 80, packetMax + 90]])
      expect(run(answers(rows, shape), shape, cuts).rows.map(([id, v]) => [id, v?.length])).toEqual([
        [1, 6],
        [2, bytes],
        [3, 5],
      ]);
  },
);

test('an error in place of the answer, of the rows, and after some of them', () => {
  const failure = packets(Buffer.from('\xff\xb1\x07#70100Query execution was interrupted', 'latin1'), 1);
  const error = { number: 1969, sqlState: '70100', message: 'Query execution was interrupted' };
  const [prepared, executed] = answers(someRows, shape);
  expect(run([failure], shape, [3])).toMatchObject({ error, rows: [] });
  expect(run([prepared, failure], shape, [5])).toMatchObject({ error, rows: [] });
  const end = executed.subarray(0, executed.length - 9);
  const after = run([prepared, end, failure], shape, []);
  expect(after).toMatchObject({ error, rows: someRows });
  expect(after.written.map((packet) => packet[4])).toEqual([0x16, 0x17, 0x19]);
});

test.each([
  ['no statement', [packets(Buffer.of(1, 2, 3), 1)]],
  [
    'neither row nor end',
    [
      ...answers([], shape).slice(0, 1),
      Buffer.concat([answers([], shape)[1].subarray(0, -9), packets(Buffer.of(5, 5), 9)]),
    ],
  ],
])('%s: the connection is of no use', (_, replies) => {
  expect(run(replies, shape, []).broken).toMatchObject({ code: 'ProtocolViolation' });
});

test('rows that are not framed as they should be', () => {
  const frames = rowFrames('shop.orders', [4, 0]);
  const walk = (payload: Buffer) => {
    const frame = packets(payload, 1);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    return () => frames.walk(view, 0, frame.length, 1, new Int32Array(2), new Int32Array(2), 1);
  };
  expect(walk(Buffer.concat([row([1, 'abc']), Buffer.of(1)]))).toThrow('does not end where its packet ends');
  expect(walk(row([1, 'abc']).subarray(0, -1))).toThrow('does not end where its packet ends');
  expect(walk(Buffer.of(0))).toThrow('shorter than its head');
});
