/**
 * A proxy in front of a real database that lets things go wrong at any request of a client. Where requests and answers
 * begin and end is known to the protocol: postgres-proxy.ts, mysql-proxy.ts.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type SourceRequest = {
  /** a step of the login, or the SQL's beginning */
  readonly text: string;
  /** rows of a table will come */
  readonly bringsRows: boolean;
};

/**
 * - `cut before`: the connection breaks before the request has reached the server
 * - `cut after`: the server has done it all, and the connection breaks before a byte of the answer has come through
 * - `cut in the middle`: half of the answer comes through: half a message, where rows come half a row after some rows
 * - `cut after the first row`: whole messages up to the first row, then it breaks
 * - `silent`: the server does it, nobody hears anything, the connection stays open
 * - `time limit`: instead of the answer, the server says that the statement ran into its time limit
 * - `shut down`: the server says that it is being shut down, and ends the connection
 * - `too many`: the server says that it has too many clients, and ends the connection
 */
export type SourceFault =
  | 'cut before'
  | 'cut after'
  | 'cut in the middle'
  | 'cut after the first row'
  | 'silent'
  | Refusal;

export type Refusal = 'time limit' | 'shut down' | 'too many';

export type SourceProxy = {
  readonly port: number;
  /** the requests since `arm`, in order, over all connections */
  readonly requests: readonly SourceRequest[];
  /** Counts from anew; request `at` (from 0) goes wrong, in this way, once. Null: none. */
  arm(at: number | null, fault: SourceFault): void;
  /** Called when request `at` comes, instead of a fault: before it is passed on, or when its answer is whole. */
  onRequest: ((request: SourceRequest, number: number, moment: 'before' | 'after') => void) | null;
  stop(): Promise<void>;
};

/** One connection, as a protocol writes on it. */
export type Line = {
  request(request: SourceRequest, bytes: Buffer): void;
  /** A message of the answer to the last request. */
  answer(bytes: Buffer, part: 'row' | 'end' | 'other'): void;
  /** What is no request: always goes on. */
  toServer(bytes: Buffer): unknown;
  /** What is no answer: always goes on. */
  toClient(bytes: Buffer): unknown;
};

/** What a protocol makes of one connection. */
export type Protocol = (line: Line) => {
  /** what a client asks for by nothing but the connection */
  readonly opening: SourceRequest | null;
  fromClient(chunk: Buffer): void;
  fromServer(chunk: Buffer): void;
  /** What the server says in place of the answer to the last request. */
  refusal(fault: Refusal): Buffer;
};

/** Where the rows are described at length, the middle is that of what comes behind. */
function middleOf(bytes: number, bytesBeforeRows: number | null): number {
  const middle = bytes - (bytes >> 1) - 3;
  if (bytesBeforeRows === null || middle > bytesBeforeRows) return middle;
  return bytesBeforeRows + ((bytes - bytesBeforeRows) >> 1);
}

/** @param target the server's port on 127.0.0.1 */
export async function sourceProxy(target: number, protocol: Protocol): Promise<SourceProxy> {
  const sockets = new Set<Socket>();
  let requests: SourceRequest[] = [];
  let armed: { at: number | null; fault: SourceFault } = { at: null, fault: 'cut before' };

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
    let fault: SourceFault | null = null;
    let held: Buffer[] = [];
    /** how much of it comes before its first row */
    let bytesBeforeRows: number | null = null;
    let number = -1;
    /** what was to come through has, and the connection is about to break */
    let isBreaking = false;
    const breakAfter = (bytes: Buffer): void => {
      isBreaking = true;
      near.write(bytes, end);
    };

    const line: Line = {
      request(request, bytes) {
        number = requests.push(request) - 1;
        proxy.onRequest?.(request, number, 'before');
        fault = number === armed.at ? armed.fault : null;
        held = [];
        bytesBeforeRows = null;
        if (fault === 'cut before') end();
        else if (fault === 'shut down' || fault === 'too many') {
          near.write(refusal(fault));
          near.end();
          far.destroy();
        } else far.write(bytes);
      },
      answer(bytes, part) {
        const isLast = part === 'end';
        if (isLast) proxy.onRequest?.(requests[number] ?? { text: '', bringsRows: false }, number, 'after');
        if (near.destroyed || isBreaking) return;
        if (fault === null) {
          near.write(bytes);
          return;
        }
        if (part === 'row') bytesBeforeRows ??= Buffer.concat(held).length;
        held.push(bytes);
        if (fault === 'cut after the first row' && part === 'row') {
          breakAfter(Buffer.concat(held));
          return;
        }
        if (!isLast || fault === 'silent') return;
        if (fault === 'cut in the middle') {
          const whole = Buffer.concat(held);
          breakAfter(whole.subarray(0, middleOf(whole.length, bytesBeforeRows)));
        } else if (fault === 'time limit') {
          fault = null;
          near.write(refusal('time limit'));
        } else end();
      },
      toServer: (bytes) => far.write(bytes),
      toClient: (bytes) => near.write(bytes),
    };
    const { opening, fromClient, fromServer, refusal } = protocol(line);
    near.on('data', fromClient);
    far.on('data', fromServer);
    if (opening !== null) line.request(opening, Buffer.alloc(0));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));

  const proxy: SourceProxy = {
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
