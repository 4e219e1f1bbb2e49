/** Stands in front of a server, hands requests on, and notes who asked for what. */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Seen } from './aws-requests.ts';

/**
 * unavailable: 503, and nothing happened. lost: 503, but it took effect. conflict: 409, and nothing happened.
 */
export type Disturbance = 'unavailable' | 'lost' | 'conflict';

export type Disturb = (seen: Omit<Seen, 'status'>) => Disturbance | null;

export type RecordingProxy = {
  readonly endpoint: string;
  readonly seen: Seen[];
  stop(): Promise<void>;
};

/** The access key id, of which each function has its own. */
const whoOf = ({ headers }: IncomingMessage): string =>
  /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';

/** @param target what it stands in front of */
export async function startRecordingProxy(
  target: string,
  disturb: Disturb = () => null,
): Promise<RecordingProxy> {
  const seen: Seen[] = [];
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, answer) => {
    handle(incoming, answer).catch(() => answer.destroy());
  });

  async function handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const asked = {
      who: whoOf(incoming),
      method: incoming.method!,
      url: incoming.url!,
      headers: incoming.headers,
      // of files nothing is read but their names
      body: body.length > 1_000_000 ? '' : body.toString('utf8'),
    };
    const disturbance = disturb(asked);
    const refuse = (status: number): void => {
      seen.push({ ...asked, status });
      answer.writeHead(status).end();
    };
    if (disturbance === 'unavailable') return refuse(503);
    if (disturbance === 'conflict') return refuse(409);
    const { method, url: path, headers } = incoming;
    await new Promise<void>((resolve, reject) => {
      const onward = httpRequest({ hostname, port, method, path, headers }, (response) => {
        response.on('end', resolve);
        if (disturbance === 'lost') {
          response.resume();
          return refuse(503);
        }
        seen.push({ ...asked, status: response.statusCode! });
        answer.writeHead(response.statusCode!, response.headers);
        response.pipe(answer);
        response.on('error', reject);
      });
      onward.on('error', reject);
      onward.end(body);
    });
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
