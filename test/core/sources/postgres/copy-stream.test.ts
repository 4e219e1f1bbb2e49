import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Session } from '../../../../core/sources/postgres/connect.ts';
import { sendStatement } from '../../../../core/sources/postgres/copy-stream.ts';
import type { ServerError } from '../../../../core/sources/postgres/errors.ts';
import type { Segment } from '../../../../core/sources/reading/segment.ts';

const frame = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const fileHeader = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const copying = frame('H', Buffer.from([1, 0, 1, 0, 1]));
const ready = frame('Z', Buffer.from('I'));
const row = (value: Buffer): Buffer => {
  const head = Buffer.alloc(6);
  head.writeInt16BE(1);
  head.writeInt32BE(value.length, 2);
  return Buffer.concat([head, value]);
};
const error = (fields: Record<string, string>): Buffer =>
  frame(
    'E',
    Buffer.from(
      `${Object.entries(fields)
        .map(([code, text]) => `${code}${text}\0`)
        .join('')}\0`,
    ),
  );

/** The whole answer to a COPY, as PostgreSQL frames it: the file's header in front of the first row. */
function answer(values: readonly Buffer[]): Buffer {
  const datas = [...values.map(row), Buffer.from([0xff, 0xff])];
  return Buffer.concat([
    copying,
    ...datas.map((data, i) => frame('d', i === 0 ? Buffer.concat([fileHeader, data]) : data)),
    frame('c', Buffer.alloc(0)),
    frame('N', Buffer.from('SNOTICE\0\0')),
    frame('C', Buffer.from(`COPY ${values.length}\0`)),
    ready,
  ]);
}

type Outcome = {
  values: Buffer[];
  fields: number;
  ended: { error: ServerError | null; rows: number } | null;
  broken: unknown;
  givenBack: boolean;
  sent: string;
};

/** Feeds the answer in pieces of these sizes. */
function feed(bytes: Buffer, sizes: readonly number[]): Outcome {
  const outcome: Outcome = { values: [], fields: 0, ended: null, broken: null, givenBack: false, sent: '' };
  let handler: ((chunk: Buffer) => void) | null = null;
  const session = {
    silenceMsMax: 60_000,
    stream: {
      write(data: Buffer) {
        outcome.sent = data.toString('latin1');
      },
    },
    tap: {
      take(taker: ((chunk: Buffer) => void) | null) {
        handler = taker;
        outcome.givenBack = taker === null;
      },
      recycle() {},
    },
    settled: (sql: string) => sql,
  } as unknown as Session;
  const keep = ({ bytes: memory, start, end, rows, lastRow }: Segment): void => {
    let at = start;
    let seen = 0;
    for (; at < end; seen++) {
      if (seen === rows - 1) expect(at).toBe(lastRow);
      const length = memory.readInt32BE(at + 1);
      outcome.values.push(Buffer.from(memory.subarray(at + 11, at + 1 + length)));
      at += 1 + length;
    }
    expect([seen, at]).toEqual([rows, end]);
  };
  const stop = sendStatement(session, 'public.t', 'COPY', {
    described: () => {},
    selected: () => {},
    copying: (fields) => {
      outcome.fields = fields;
    },
    segment: keep,
    ready: (failure, rows) => {
      outcome.ended = { error: failure, rows };
    },
    broken: (failure) => {
      outcome.broken = failure;
    },
  });
  let from = 0;
  for (let i = 0; from < bytes.length; i++) {
    const size = sizes[i % sizes.length] as number;
    // memory that is used again afterwards, as the socket's is
    const chunk = Buffer.from(bytes.subarray(from, from + size));
    (handler as ((chunk: Buffer) => void) | null)?.(chunk);
    chunk.fill(0xee);
    from += size;
  }
  stop();
  return outcome;
}

test('property: however the answer is cut into chunks, the rows are the same', () => {
  const values = fc.array(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    { maxLength: 60 },
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(values, sizes, (made, cuts) => {
      const outcome = feed(answer(made), cuts);
      expect(outcome.broken).toBeNull();
      expect(outcome.values).toEqual(made);
      expect(outcome).toMatchObject({
        fields: 1,
        ended: { error: null, rows: made.length },
        givenBack: true,
      });
    }),
    { numRuns: 300 },
  );
});

test('byte by byte, and the statement that was sent', () => {
  const outcome = feed(answer([Buffer.from('a'), Buffer.alloc(0)]), [1]);
  expect(outcome.values.map(String)).toEqual(['a', '']);
  expect(outcome.sent).toBe('Q\0\0\0\x09COPY\0');
});

test('an error in the middle: the rows before it came, its details did not', () => {
  const bytes = Buffer.concat([
    copying,
    frame('d', Buffer.concat([fileHeader, row(Buffer.from('a'))])),
    error({
      S: 'ERROR',
      V: 'ERROR',
      C: '57014',
      M: 'canceling statement',
      D: 'Failing row (secret)',
      W: 'secret',
    }),
    ready,
  ]);
  const outcome = feed(bytes, [7]);
  expect(outcome.values.map(String)).toEqual(['a']);
  expect(outcome.ended?.error).toEqual({ sqlState: '57014', message: 'canceling statement' });
  expect(JSON.stringify(outcome.ended)).not.toContain('secret');
});

test('what is no answer to COPY breaks the connection', () => {
  const text = frame('H', Buffer.from([0, 0, 1, 0, 0]));
  for (const bytes of [
    text,
    frame('G', Buffer.from([0, 0, 0])),
    Buffer.concat([copying, frame('d', Buffer.alloc(40))]),
  ]) {
    const outcome = feed(bytes, [1000]);
    expect(outcome.broken).toMatchObject({ code: 'ProtocolViolation' });
    expect(outcome.givenBack).toBe(false);
  }
});

test('a row that is too large for memory is not waited for', () => {
  const head = Buffer.from('d\0\0\0\0');
  head.writeInt32BE(300 * 1024 * 1024, 1);
  const outcome = feed(
    Buffer.concat([copying, frame('d', Buffer.concat([fileHeader])), head, Buffer.alloc(99)]),
    [64],
  );
  expect(outcome.broken).toMatchObject({
    code: 'ValueNotRepresentable',
    message: 'public.t: a row of 301 MiB; rows of up to 256 MiB are copied',
  });
});
