/** The small packets of the protocol that a prepared statement is made of. */
import type { ServerError } from './errors.ts';

/** length (3 bytes) and a number */
export const headBytes = 4;
/** A packet of this length goes on in the next one. */
export const packetBytesMax = 0xffffff;

/** @param chunk a packet's head lies at `at` */
export const payloadBytes = (chunk: Buffer, at: number): number =>
  (chunk[at] as number) | ((chunk[at + 1] as number) << 8) | ((chunk[at + 2] as number) << 16);

const commands = { prepare: 0x16, execute: 0x17, close: 0x19 } as const;

/** A command with its body, cut into packets. */
function command(code: number, body: Buffer): Buffer {
  const payload = Buffer.concat([Buffer.of(code), body]);
  const packets: Buffer[] = [];
  for (let at = 0, number = 0; ; number++) {
    const piece = payload.subarray(at, at + packetBytesMax);
    packets.push(
      Buffer.of(piece.length & 0xff, (piece.length >> 8) & 0xff, piece.length >> 16, number & 0xff),
      piece,
    );
    at += piece.length;
    if (piece.length < packetBytesMax) return Buffer.concat(packets);
  }
}

const numbered = (id: number, rest: readonly number[]): Buffer => {
  const body = Buffer.alloc(4 + rest.length);
  body.writeUInt32LE(id);
  body.set(rest, 4);
  return body;
};

export const prepareCommand = (sql: string): Buffer => command(commands.prepare, Buffer.from(sql, 'utf8'));
/** Without a cursor, once. */
export const executeCommand = (id: number): Buffer =>
  command(commands.execute, numbered(id, [0, 1, 0, 0, 0]));
/** Has no answer. */
export const closeCommand = (id: number): Buffer => command(commands.close, numbered(id, []));

/** What the server says of a column of the answer. */
export type DescribedColumn = {
  /** of the server's types: 3 is INT, 253 VARCHAR … */
  readonly type: number;
  /** 63: bytes */
  readonly charset: number;
  readonly length: number;
  readonly unsigned: boolean;
  /** digits after the point */
  readonly decimals: number;
};

const unsignedFlag = 0x20;

/** @param extended MariaDB's names of types come before what is fixed */
export function describedColumn(frame: Buffer, extended: boolean): DescribedColumn {
  let at = headBytes;
  const skipText = (): void => {
    const [length, next] = lengthAt(frame, at);
    at = next + length;
  };
  // catalog, schema, table (as named and its own), name, own name
  for (let i = extended ? 7 : 6; i > 0; i--) skipText();
  at++;
  return {
    charset: frame.readUInt16LE(at),
    length: frame.readUInt32LE(at + 2),
    type: frame.readUInt8(at + 6),
    unsigned: (frame.readUInt16LE(at + 7) & unsignedFlag) !== 0,
    decimals: frame.readUInt8(at + 9),
  };
}

/** A length-encoded number and where what follows begins. */
export function lengthAt(frame: Buffer, at: number): [number, number] {
  const first = frame.readUInt8(at);
  if (first < 0xfb) return [first, at + 1];
  if (first === 0xfc) return [frame.readUInt16LE(at + 1), at + 3];
  if (first === 0xfd) return [frame.readUIntLE(at + 1, 3), at + 4];
  return [Number(frame.readBigUInt64LE(at + 1)), at + 9];
}

/** Of a packet that begins with 0xff: number, `#`, SQLSTATE, message. */
export function serverError(frame: Buffer): ServerError {
  const number = frame.readUInt16LE(headBytes + 1);
  const hasState = frame[headBytes + 3] === 0x23;
  return {
    number,
    sqlState: hasState ? frame.toString('latin1', headBytes + 4, headBytes + 9) : 'HY000',
    message: frame.toString('utf8', headBytes + (hasState ? 9 : 3)),
  };
}
