/** Two readers that throw away what `COPY … (FORMAT binary)` brings: what no copying of it can be faster than. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import pg from 'pg';

/** ReadyForQuery, idle: the last message of an answer. */
const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

function simpleQuery(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const head = Buffer.alloc(5);
  head.write('Q');
  head.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([head, text]);
}

const streamOf = (client: pg.Client): Duplex =>
  (client as unknown as { connection: { stream: Duplex } }).connection.stream;

/** Takes what the server sends as soon as it is there. */
export async function readEagerly(url: string, query: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const stream = streamOf(client).removeAllListeners('data');
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject).on('data', (data: Buffer) => {
      bytes += data.length;
      if (data.subarray(-ready.length).equals(ready)) resolve();
    });
    stream.write(simpleQuery(query));
  });
  stream.destroy();
  return bytes;
}

const lazyBufferBytes = 1024 * 1024;
const restMs = 1;

/**
 * Lets the kernel's buffer fill for a millisecond between two reads. The server, which sends 8 KiB at a time, is then
 * woken up less often, and is faster: the strict limit.
 */
export async function readLazily(url: string, query: string): Promise<number> {
  const buffer = new Uint8Array(lazyBufferBytes);
  let bytes = 0;
  let connected = false;
  let ended = (): void => {};
  const socket = new Socket({
    onread: {
      buffer,
      callback(count) {
        if (!connected) {
          socket.emit('data', Buffer.from(buffer.subarray(0, count)));
          return true;
        }
        bytes += count;
        if (ready.equals(buffer.subarray(Math.max(0, count - ready.length), count))) ended();
        else if (count < lazyBufferBytes) {
          socket.pause();
          setTimeout(() => socket.resume(), restMs);
        }
        return true;
      },
    },
  });
  const client = new pg.Client({ connectionString: url, stream: () => socket });
  await client.connect();
  connected = true;
  await new Promise<void>((resolve, reject) => {
    ended = resolve;
    socket.on('error', reject);
    socket.write(simpleQuery(query));
  });
  socket.destroy();
  return bytes;
}
