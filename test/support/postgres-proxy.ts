/**
 * A proxy in front of a real PostgreSQL that understands its protocol (version 3, without TLS): it knows where a
 * message begins and ends, so that a test can let things go wrong at any request of a client. A request is what the
 * server answers: the startup, a password, a simple query. (Where the client asks for TLS, the server says no.)
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type PostgresRequest = {
  /** `startup`, `password`, or the SQL's beginning */
  readonly text: string;
  /** the SQL begins a COPY, so that rows will come */
  readonly isCopy: boolean;
};

/**
 * - `cut before`: the connection breaks before the request has reached the server
 * - `cut after`: the server has done it all, and the connection breaks before a byte of the answer has come through
 * - `cut in the middle`: half of the answer comes through: half a message, in a COPY half a row after some rows
 * - `cut after the first row`: of a COPY, whole messages up to the first row, then it breaks
 * - `silent`: the server does it, nobody hears anything, the connection stays open
 * - `time limit`: instead of the answer, the server says that the statement ran into its time limit
 * - `shut down`: the server says that it is being shut down, and ends the connection
 * - `too many`: the server says that it has too many clients, and ends the connection
 */
export type PostgresFault =
  | 'cut before'
  | 'cut after'
  | 'cut in the middle'
  | 'cut after the first row'
  | 'silent'
  | 'time limit'
  | 'shut down'
  | 'too many';

export type PostgresProxy = {
  readonly port: number;
  /** the requests since `arm`, in order, over all connections */
  readonly requests: readonly PostgresRequest[];
  /** Counts from anew; request `at` (from 0) goes wrong, in this way, once. Null: none. */
  arm(at: number | null, fault: PostgresFault): void;
  /** Called when request `at` comes, instead of a fault: before it is passed on, or when its answer is whole. */
  onRequest: ((request: PostgresRequest, number: number, moment: 'before' | 'after') => void) | null;
  stop(): Promise<void>;
};

type Message = { readonly type: string; readonly bytes: Buffer };

/** Cuts a stream into messages. The first ones of a client have no type. */
function messages(take: (message: Message) => void, begins: 'untyped' | 'typed') {
  let rest: Buffer = Buffer.alloc(0);
  let typed = begins === 'typed';
  return (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const at = typed ? 1 : 0;
      if (rest.length < at + 4) return;
      const length = at + rest.readUInt32BE(at);
      if (rest.length < length) return;
      const bytes = rest.subarray(0, length);
      rest = rest.subarray(length);
      const type = typed ? String.fromCharCode(bytes[0]!) : untypedOf(bytes);
      if (type === 'startup') typed = true;
      take({ type, bytes });
    }
  };
}

const sslRequestCode = 80877103;
const untypedOf = (bytes: Buffer): string => (bytes.readUInt32BE(4) === sslRequestCode ? 'ssl' : 'startup');

function errorMessage(severity: string, code: string, text: string): Buffer {
  const fields = Buffer.from(`S${severity}\0V${severity}\0C${code}\0M${text}\0\0`, 'utf8');
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** Every message of ours begins with the same settings. */
const withoutSettings = (sql: string): string => sql.replace(/^(SET LOCAL [^;]*;)*/, '');

const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** @param target the server's port on 127.0.0.1 */
export async function postgresProxy(target: number): Promise<PostgresProxy> {
  const sockets = new Set<Socket>();
  let requests: PostgresRequest[] = [];
  let armed: { at: number | null; fault: PostgresFault } = { at: null, fault: 'cut before' };

  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
    }
    const end = () => {
      for (const socket of [near, far]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    near.on('close', end);
    far.on('close', end);

    /** what is done with the answer that comes now */
    let fault: PostgresFault | null = null;
    let held: Buffer[] = [];
    let number = -1;
    let waitsForSslAnswer = false;
    /** what was to come through has, and the connection is about to break */
    let isBreaking = false;
    const breakAfter = (bytes: Buffer): void => {
      isBreaking = true;
      near.write(bytes, end);
    };

    const arrived = (text: string): PostgresFault | null => {
      const request = {
        text: text.slice(0, 200),
        isCopy: /^\s*(SELECT[^;]*;\s*)*COPY\b|;\s*COPY\b/i.test(text),
      };
      number = requests.push(request) - 1;
      proxy.onRequest?.(request, number, 'before');
      return number === armed.at ? armed.fault : null;
    };

    function request(text: string, bytes: Buffer): void {
      fault = arrived(text);
      held = [];
      switch (fault) {
        case 'cut before':
          end();
          return;
        case 'shut down':
          near.write(errorMessage('FATAL', '57P01', 'terminating connection due to administrator command'));
          near.end();
          far.destroy();
          return;
        case 'too many':
          near.write(errorMessage('FATAL', '53300', 'sorry, too many clients already'));
          near.end();
          far.destroy();
          return;
        default:
          far.write(bytes);
      }
    }

    near.on(
      'data',
      messages(({ type, bytes }) => {
        switch (type) {
          case 'ssl':
            waitsForSslAnswer = true;
            far.write(bytes);
            return;
          case 'startup':
            return request('startup', bytes);
          case 'p':
            return request('password', bytes);
          case 'Q':
            return request(withoutSettings(bytes.toString('utf8', 5, bytes.length - 1)), bytes);
          default:
            far.write(bytes);
        }
      }, 'untyped'),
    );

    /** The answer to a request is whole with ReadyForQuery, or with a question about the password. */
    const isEnd = ({ type, bytes }: Message): boolean =>
      type === 'Z' || (type === 'R' && bytes.length > 8 && ![0, 12].includes(bytes.readUInt32BE(5)));

    const answer = messages((message) => {
      const last = isEnd(message);
      if (last) proxy.onRequest?.(requests[number] ?? { text: '', isCopy: false }, number, 'after');
      if (near.destroyed || isBreaking) return;
      if (fault === null) {
        near.write(message.bytes);
        return;
      }
      held.push(message.bytes);
      if (fault === 'cut after the first row' && message.type === 'd') {
        breakAfter(Buffer.concat(held));
        return;
      }
      if (!last || fault === 'silent') return;
      if (fault === 'cut in the middle') {
        const whole = Buffer.concat(held);
        breakAfter(whole.subarray(0, whole.length - (whole.length >> 1) - 3));
      } else if (fault === 'time limit') {
        fault = null;
        near.write(errorMessage('ERROR', '57014', 'canceling statement due to statement timeout'));
        near.write(readyForQuery);
      } else end();
    }, 'typed');

    far.on('data', (chunk: Buffer) => {
      if (waitsForSslAnswer) {
        waitsForSslAnswer = false;
        near.write(chunk.subarray(0, 1));
        if (chunk.length > 1) answer(chunk.subarray(1));
        return;
      }
      answer(chunk);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));

  const proxy: PostgresProxy = {
    port: (server.address() as AddressInfo).port,
    get requests() {
      return requests;
    },
    arm(at, fault) {
      requests = [];
      armed = { at, fault };
    },
    onRequest: null,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
  return proxy;
}
