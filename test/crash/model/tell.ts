/** A way to a violation, for people: a line a step. */
import type { Label } from './protocol.ts';
import type { Reply, Request } from './world.ts';

const short = (key: string): string =>
  key
    .replace(/^x\//, '')
    .replace(/2026\d{4}T0000(\d\d)Z-\w+/g, (_, second: string) => `R${Number(second) + 1}`);

function itemOf(request: Extract<Request, { to: 'ledger' }>): string {
  const { input } = request.operation;
  const key = input.Key ?? input.Item;
  const text = (name: string): string => {
    const value = key?.[name] ?? input.ExpressionAttributeValues?.[name === 'pk' ? ':pk' : ':from'];
    return value && 'S' in value ? value.S : '';
  };
  const part = /^CHUNK#(\d+)\.(\d+)#(\d*)/.exec(text('sk'));
  if (!part) return short(text('sk'));
  const chunk = `chunk ${Number(part[1])}.${Number(part[2])}`;
  return request.operation.name === 'Query' ? `the log of ${chunk}` : `part ${Number(part[3])} of ${chunk}`;
}

function requestText(request: Request): string {
  if (request.to === 'executions') return 'DescribeExecution';
  if (request.to === 'store') {
    const { call } = request;
    return call.method === 'copyToAbsent'
      ? `copy ${short(call.from)} → ${short(call.key)}`
      : `${call.method} ${short(call.key)}`;
  }
  const { name, input } = request.operation;
  const condition = input.ConditionExpression ? `  IF ${input.ConditionExpression}` : '';
  return `${name} ${itemOf(request)}${condition}`;
}

function replyText(reply: Reply): string {
  switch (reply.of) {
    case 'executions':
      return 'over';
    case 'nobody':
      return 'no answer';
    case 'ledger':
      if (reply.answer.status !== 'done') return reply.answer.status;
      if (reply.answer.output.Items) return `${reply.answer.output.Items.length} items`;
      return 'done';
    case 'store': {
      const { answer } = reply;
      if (answer.method === 'put' || answer.method === 'copyToAbsent') return answer.result.outcome;
      if (answer.method === 'get' || answer.method === 'head')
        return answer.found ? 'found' : 'nothing there';
      return answer.method === 'delete' ? 'done' : `${answer.keys.length} keys`;
    }
  }
}

const ways: Readonly<Record<Label['does'], string>> = {
  does: '',
  repeats: '   (the answer is lost, the SDK sends it again; the first one is still on its way)',
  'gives up': '   (the client gives up; the request is still on its way)',
  late: '   (on its way since before)',
};

export const tell = (fault: string, trace: readonly Label[]): string =>
  [
    fault,
    ...trace.map(({ who, does, request, reply, ended }, i) => {
      const answer = does === 'repeats' ? 'lost' : replyText(reply);
      const end = ended ? `   ${who} ${ended}` : '';
      return `${String(i + 1).padStart(3)}. ${who.padEnd(10)}  ${requestText(request)} → ${answer}${ways[does]}${end}`;
    }),
  ].join('\n');
