/**
 * Loaded into `tidemark` before anything else (`--import`): kills the process, as `kill -9` does, at one request of its
 * sandboxes to the S3 or DynamoDB that it serves. $TIDEMARK_TEST_KILL says at which one: `<moment> <nth> <command>
 * <text in the path or target>`, where `before` is before anything is done, `after` is when it is done and not answered.
 * It listens on Node's own diagnostics channel; the servers know nothing of it.
 *
 * The process's own clients say who they are by the name that $AWS_SDK_UA_APP_ID gives them; sandboxes do not get it.
 */
import { subscribe } from 'node:diagnostics_channel';

const { TIDEMARK_TEST_KILL: kill, AWS_SDK_UA_APP_ID: own } = process.env;

function commandOf({ method, url, headers }) {
  const target = headers['x-amz-target'];
  if (target) return target.split('.')[1];
  if (headers['x-amz-copy-source']) return 'CopyObject';
  const { searchParams } = new URL(url, 'http://s3');
  if (searchParams.has('delete')) return 'DeleteObjects';
  if (searchParams.has('list-type')) return 'ListObjectsV2';
  return { PUT: 'PutObject', GET: 'GetObject', HEAD: 'HeadObject' }[method] ?? method;
}

if (kill) {
  const [, moment, nth, command, text] = /^(\w+) (\d+) (\w+) ?(.*)$/.exec(kill);
  const die = () => process.kill(process.pid, 'SIGKILL');
  let met = 0;
  subscribe('http.server.request.start', ({ request, response }) => {
    if (request.headers['user-agent']?.includes(`app/${own}`)) return;
    if (commandOf(request) !== command || !request.url.includes(text)) return;
    if (met++ !== Number(nth)) return;
    if (moment === 'before') die();
    response.writeHead = die;
    response.end = die;
  });
}
