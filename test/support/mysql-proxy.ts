/**
 * A proxy in front of a real MariaDB (or MySQL) that understands its protocol, without TLS: it knows where a packet, a
 * command and its answer begin and end, so that a test can let things go wrong at any request of a client. A request is
 * what the server answers: the connection itself (by its greeting), the login, a command.
 *
 * Known is what `mysql2` speaks: packets of their own end descriptions and rows (no CLIENT_DEPRECATE_EOF), and each
 * command has one answer (no CLIENT_MULTI_STATEMENTS).
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html)
 */
import { type Line, type Protocol, type Refusal, type SourceProxy, sourceProxy } from './source-proxy.ts';

/** length (3 bytes) and a number */
const headBytes = 4;
const types = { ok: 0x00, end: 0xfe, error: 0xff } as const;
const commands = { quit: 0x01, query: 0x03, prepare: 0x16, execute: 0x17, close: 0x19 } as const;

function packets(take: (packet: Buffer) => void) {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= headBytes) {
      const length = headBytes + rest.readUIntLE(0, 3);
      if (rest.length < length) return;
      const packet = rest.subarray(0, length);
      rest = rest.subarray(length);
      take(packet);
    }
  };
}

const errors: Readonly<Record<Refusal, readonly [number: number, state: string, message: string]>> = {
  'time limit': [1969, '70100', 'Query execution was interrupted (max_statement_time exceeded)'],
  'shut down': [1053, '08S01', 'Server shutdown in progress'],
  'too many': [1040, '08004', 'Too many connections'],
};

/** @param place of the packet in the exchange */
function errorPacket(place: number, [number, state, message]: (typeof errors)[Refusal]): Buffer {
  // in place of the greeting the server writes none: it does not know yet what the client understands
  const sqlState = place === 0 ? '' : `#${state}`;
  const payload = Buffer.from(`\0\0\0${sqlState}${message}`, 'latin1');
  payload.writeUInt8(types.error, 0);
  payload.writeUInt16LE(number, 1);
  return Buffer.concat([Buffer.of(payload.length, 0, 0, place), payload]);
}

/** How many packets will say that something has ended, behind the first packet of a command's answer. */
function endsToCome(command: number, first: Buffer): number {
  switch (command) {
    case commands.query:
    case commands.execute:
      // columns, rows
      return first[headBytes] === types.ok ? 0 : 2;
    case commands.prepare: {
      const counts = [first.readUInt16LE(headBytes + 5), first.readUInt16LE(headBytes + 7)];
      return counts.filter((count) => count > 0).length;
    }
    default:
      return 0;
  }
}

type Part = Parameters<Line['answer']>[1];

/** What each packet of the answer to a command is. */
function answerTo(command: number): (packet: Buffer) => Part {
  let ends: number | null = null;
  return (packet) => {
    const type = packet[headBytes];
    if (type === types.error) return 'end';
    if (ends === null) ends = endsToCome(command, packet);
    // a row that begins with the same byte has a value of 16 MiB
    else if (type === types.end && packet.length < headBytes + 9) ends--;
    else return ends === 1 && command !== commands.prepare ? 'row' : 'other';
    return ends === 0 ? 'end' : 'other';
  };
}

function textOf(command: number, packet: Buffer): string {
  const sql = packet.toString('utf8', headBytes + 1, headBytes + 201);
  if (command === commands.query) return sql;
  if (command === commands.prepare) return `prepare ${sql}`;
  return command === commands.execute ? 'execute' : `command ${command}`;
}

const protocol: Protocol = (line: Line) => {
  let phase: 'greeting' | 'login' | 'commands' = 'greeting';
  /** of the answer to the last request, in the exchange that the request began */
  let place = 0;
  let part: (packet: Buffer) => Part = () => 'end';

  return {
    opening: { text: 'startup', bringsRows: false },
    fromClient: packets((packet) => {
      const [number, command] = [packet[headBytes - 1] as number, packet[headBytes] as number];
      if (phase === 'greeting') {
        phase = 'login';
        place = number + 1;
        line.request({ text: 'login', bringsRows: false }, packet);
        return;
      }
      const isAnswered = command !== commands.quit && command !== commands.close;
      // a login may take several packets, as may a long command
      if (phase === 'login' || number !== 0 || !isAnswered) {
        line.toServer(packet);
        return;
      }
      place = 1;
      part = answerTo(command);
      line.request({ text: textOf(command, packet), bringsRows: command === commands.execute }, packet);
    }),
    fromServer: packets((packet) => {
      if (phase !== 'login') {
        line.answer(packet, part(packet));
        return;
      }
      const type = packet[headBytes];
      // another way to log in, or a question of the one that was chosen: it has to come through, to be answered
      if (type !== types.ok && type !== types.error) {
        line.toClient(packet);
        return;
      }
      phase = 'commands';
      line.answer(packet, 'end');
    }),
    refusal: (fault) => errorPacket(place, errors[fault]),
  };
};

/** @param target the server's port on 127.0.0.1 */
export const mysqlProxy = (target: number): Promise<SourceProxy> => sourceProxy(target, protocol);
