/** A proxy in front of an embedded AWS service: a test is told of every request before it is passed on, and after. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export type ProxiedRequest = {
  /** `PutObject`, `UpdateItem`, `DescribeExecution`, … */
  readonly command: string;
  /** with its query */
  readonly path: string;
  /** its beginning */
  readonly body: string;
};

/** `drop`: the request, or its answer, goes no further, and the connection breaks. */
export type Verdict = 'pass' | 'drop';

export type HttpProxy = { readonly endpoint: string; stop(): Promise<void> };

function commandOf({ method = '', url = '', headers }: http.IncomingMessage): string {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return target.split('.').at(-1)!;
  const query = new URL(url, 'http://s3').searchParams;
  if (method === 'PUT') return headers['x-amz-copy-source'] ? 'CopyObject' : 'PutObject';
  if (method === 'POST') return query.has('delete') ? 'DeleteObjects' : 'Post';
  if (method === 'HEAD') return 'HeadObject';
  return query.has('list-type') ? 'ListObjectsV2' : 'GetObject';
}

async function wholeOf(message: http.IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** @param endpoint `http://127.0.0.1:<port>` of the service */
export async function httpProxy(
  endpoint: string,
  judge: (request: ProxiedRequest, moment: 'before' | 'after') => Verdict,
): Promise<HttpProxy> {
  const { port } = new URL(endpoint);
  const agent = new http.Agent({ keepAlive: true });

  async function pass(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await wholeOf(request);
    const proxied = {
      command: commandOf(request),
      path: request.url ?? '',
      body: body.toString('latin1', 0, 2000),
    };
    if (judge(proxied, 'before') === 'drop') return void request.socket.destroy();
    const { method, url: path, headers } = request;
    const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http
        .request({ host: '127.0.0.1', port, method, path, headers, agent }, resolve)
        .on('error', reject)
        .end(body);
    });
    const content = await wholeOf(answer);
    if (judge(proxied, 'after') === 'drop') return void request.socket.destroy();
    response.writeHead(answer.statusCode!, answer.headers).end(content);
  }

  const server = http.createServer((request, response) => {
    pass(request, response).catch(() => request.socket.destroy());
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
