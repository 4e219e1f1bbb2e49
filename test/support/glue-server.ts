/** The Glue Data Catalog in memory as an HTTP server that the real SDK talks to (AWS JSON 1.1), with faults at will. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type GlueAnswer, type GlueCall, glueError, type MemoryGlue, memoryGlue } from './memory-glue.ts';

/**
 * - `throttled`, `unavailable`, or an answer: nothing happens, and this is what the caller is told
 * - `untold`: it takes effect, and the caller is told that the service failed
 * - `cut`: nothing happens, and the connection breaks
 * - `lost`: it takes effect, and the connection breaks
 */
export type GlueFault = 'throttled' | 'unavailable' | 'untold' | 'cut' | 'lost' | GlueAnswer;

/** @param number of this call, from 0, of all that were made */
export type GlueDisturb = (call: GlueCall, number: number) => GlueFault | null;

export type GlueServer = {
  readonly endpoint: string;
  readonly glue: MemoryGlue;
  /** every call that came in, in order; a repeated one each time */
  readonly calls: GlueCall[];
  /** What becomes of calls from now on; null: what should. */
  disturb(how: GlueDisturb | null): void;
  stop(): Promise<void>;
};

const failed = glueError('InternalServiceException', 'by the test', 500);

const refusals = {
  throttled: glueError('ThrottlingException', 'Rate exceeded'),
  unavailable: failed,
} as const;

export async function startGlue(glue: MemoryGlue = memoryGlue()): Promise<GlueServer> {
  const calls: GlueCall[] = [];
  let disturb: GlueDisturb | null = null;
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [service, operation = ''] = String(request.headers['x-amz-target']).split('.');
    const call = { operation, input: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
    const number = calls.push(call) - 1;
    const fault = service === 'AWSGlue' ? (disturb?.(call, number) ?? null) : 'cut';
    if (fault === 'cut') return void response.destroy();
    if (fault && typeof fault === 'object') return tell(response, fault);
    if (fault === 'throttled' || fault === 'unavailable') return tell(response, refusals[fault]);
    const answer = glue.answer(call);
    if (fault === 'lost') return void response.destroy();
    tell(response, fault === 'untold' ? failed : answer);
  }

  function tell(response: ServerResponse, { status, body }: GlueAnswer): void {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'test' });
    response.end(JSON.stringify(body));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    glue,
    calls,
    disturb(how) {
      disturb = how;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
