/** A reader that throws away what a prepared statement brings: what no copying of it can be faster than. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import mysql from 'mysql2';

const packet = (code: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.of((body.length + 1) & 255, (body.length + 1) >> 8, 0, 0, code), body]);

/** Of an answer's last packet: five bytes of EOF, its number any. */
const isEnd = (tail: Buffer): boolean => tail.length >= 9 && tail.at(-9) === 5 && tail.at(-5) === 0xfe;

async function prepared(connection: mysql.Connection, stream: Duplex, query: string): Promise<Buffer> {
  await new Promise<void>((done, failed) => connection.once('connect', () => done()).once('error', failed));
  stream.removeAllListeners('data');
  const answer = new Promise<number>((done) => {
    let head = Buffer.alloc(0);
    stream.on('data', (data: Buffer) => {
      head = Buffer.concat([head, data]);
      if (isEnd(head)) done(head.readUInt32LE(5));
    });
  });
  stream.write(packet(0x16, Buffer.from(query)));
  const id = Buffer.alloc(9);
  id.writeUInt32LE(await answer);
  id[5] = 1;
  stream.removeAllListeners('data');
  return packet(0x17, id);
}

/** Takes what the server sends as soon as it is there. */
export async function readEagerlyFromMysql(url: string, query: string): Promise<number> {
  const connection = mysql.createConnection(url);
  const { stream } = connection as unknown as { stream: Duplex };
  const execute = await prepared(connection, stream, query);
  let bytes = 0;
  let tail: Buffer = Buffer.alloc(0);
  await new Promise<void>((done, failed) => {
    stream.on('error', failed).on('data', (data: Buffer) => {
      bytes += data.length;
      tail = data.length >= 9 ? data.subarray(-9) : Buffer.concat([tail, data]).subarray(-9);
      // the columns end like the rows, at once
      if (bytes > 10_000 && isEnd(tail)) done();
    });
    stream.write(execute);
  });
  stream.destroy();
  return bytes;
}

const lazyBufferBytes = 1024 * 1024;
const restMs = 1;

/** Lets the kernel's buffer fill for a millisecond between two reads: the strict limit. */
export async function readLazilyFromMysql(url: string, query: string): Promise<number> {
  const buffer = new Uint8Array(lazyBufferBytes);
  let handler = (data: Buffer): void => void socket.emit('data', Buffer.from(data));
  const socket = new Socket({
    onread: {
      buffer,
      callback(count) {
        handler(Buffer.from(buffer.buffer, 0, count));
        return true;
      },
    },
  });
  const { hostname, port, username, pathname } = new URL(url);
  socket.connect(Number(port), hostname);
  const connection = mysql.createConnection({ user: username, database: pathname.slice(1), stream: socket });
  const execute = await prepared(connection, socket, query);
  let bytes = 0;
  let tail: Buffer = Buffer.alloc(0);
  await new Promise<void>((done) => {
    handler = (data) => {
      bytes += data.length;
      tail = Buffer.concat([tail, data.subarray(-9)]).subarray(-9);
      if (bytes > 10_000 && isEnd(tail)) done();
      else if (data.length < lazyBufferBytes) {
        socket.pause();
        setTimeout(() => socket.resume(), restMs);
      }
    };
    socket.write(execute);
  });
  socket.destroy();
  return bytes;
}
