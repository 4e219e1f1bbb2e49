/**
 * Loaded into `tidemark run` before anything else (`--import`): kills the process and all its sandboxes when its object
 * store is asked for the n-th copy, n being $TIDEMARK_TEST_COPIES. That part is committed then, and not renamed.
 */
import { subscribe } from 'node:diagnostics_channel';

let left = Number(process.env.TIDEMARK_TEST_COPIES ?? Number.POSITIVE_INFINITY);

subscribe('http.server.request.start', ({ request }) => {
  if (request.headers['x-amz-copy-source'] === undefined) return;
  left -= 1;
  if (left === 0) process.kill(-process.pid, 'SIGKILL');
});
