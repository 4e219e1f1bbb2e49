/** A port that stands before a server: tests close it, hold what goes through it, or lead it elsewhere. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type TcpGate = {
  readonly port: number;
  /** how many connections have been made through it */
  readonly connections: () => number;
  /** Where new connections lead; null: they are cut off at once, like those that are open. */
  lead(port: number | null): void;
  /** Lets nothing more through of what the server says, without ending anything; `false`: goes on. */
  hold(held: boolean): void;
  stop(): Promise<void>;
};

/** @param target the server's port on 127.0.0.1 */
export async function tcpGate(target: number): Promise<TcpGate> {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket }>();
  let leadsTo: number | null = target;
  let isHeld = false;
  let connections = 0;
  const server = createServer((near) => {
    near.on('error', () => {});
    if (leadsTo === null) {
      near.destroy();
      return;
    }
    connections++;
    const far = connect(leadsTo, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on('data', (data) => far.write(data)).on('close', end);
    far
      .on('data', (data) => near.write(data))
      .on('error', () => {})
      .on('close', end);
    if (isHeld) far.pause();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const cutAll = () => {
    for (const { near, far } of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    lead(port) {
      leadsTo = port;
      if (port === null) cutAll();
    },
    hold(held) {
      isHeld = held;
      for (const { far } of pairs) held ? far.pause() : far.resume();
    },
    async stop() {
      cutAll();
      await new Promise((done) => server.close(done));
    },
  };
}
