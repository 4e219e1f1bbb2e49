/**
 * Loaded into a process before anything else (`--import`): counts the requests that its HTTP servers get, by kind, and
 * writes the counts as JSON to $TIDEMARK_TEST_COUNTS when it ends. It listens on Node's own diagnostics channel; the
 * servers know nothing of it.
 *
 * `tidemark run` serves S3, DynamoDB and Step Functions itself, to its sandboxes (`functions/…`) and to its own clients
 * (`host/…`: the progress, the Map's reading and writing), which say who they are by the name that
 * $AWS_SDK_UA_APP_ID gives them; sandboxes do not get that variable. What the SDK of a sandbox sends once more, because a
 * busy machine was slow to answer, is counted for itself (`again/…`).
 */
import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';

const { TIDEMARK_TEST_COUNTS: file, AWS_SDK_UA_APP_ID: own } = process.env;
const counts = {};

/** What the files of a table's `metadata/` are, and the folder itself. */
const kindOfIceberg = (path) =>
  /\/(version-hint)\.text$/.exec(path)?.[1] ??
  (/\.metadata\.json$/.test(path) ? 'table metadata' : undefined) ??
  (/-m\d+\.avro$/.test(path) ? 'manifest file' : undefined) ??
  (/-list\.avro$/.test(path) ? 'manifest list' : undefined) ??
  /\/(metadata)\/$/.exec(path)?.[1];

/** What a key stands for: the numbers and ids in it left out. */
const kindOfKey = (path) =>
  kindOfIceberg(path) ??
  /\/(_staging|data|manifests|results)(?:\/|$)/.exec(path)?.[1] ??
  /(description|current)\.json$/.exec(path)?.[1] ??
  (/\/tables\/\d+\.jsonl$/.exec(path) ? 'table plan' : /\/plan-\w+\.jsonl$/.exec(path) ? 'plan' : 'bucket');

function kindOf({ method, url, headers }) {
  const target = headers['x-amz-target'];
  if (target?.startsWith('DynamoDB')) return `dynamodb ${target.split('.')[1]}`;
  if (target) return `states ${target.split('.')[1]}`;
  const { pathname, searchParams } = new URL(url, 'http://s3');
  if (searchParams.has('delete')) return 's3 DeleteObjects';
  if (searchParams.has('list-type')) return `s3 List ${kindOfKey(`/${searchParams.get('prefix')}`)}`;
  if (headers['x-amz-copy-source']) return `s3 Copy ${kindOfKey(pathname)}`;
  return `s3 ${method} ${kindOfKey(pathname)}`;
}

if (file) {
  subscribe('http.server.request.start', ({ request }) => {
    const { 'user-agent': agent, 'amz-sdk-request': attempt } = request.headers;
    const isAgain = attempt !== undefined && !attempt.startsWith('attempt=1');
    const whose = agent?.includes(`app/${own}`) ? 'host' : isAgain ? 'again' : 'functions';
    const kind = `${whose}/${kindOf(request)}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  });
  process.on('exit', () => writeFileSync(file, JSON.stringify(counts)));
}
