/**
 * The AWS SDK as a table. What its client makes of an input, and of an answer, is a function of these; so each is worked
 * out by the real client once, and remembered. The condition that the ledger sent is the one that is judged all the same.
 */
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Answer, Operation } from '../../support/memory-dynamodb/table.ts';
import type { Reply, Request } from './world.ts';

type Outcome = { readonly output: string } | { readonly error: unknown };

type Known = {
  /** null: an input that is answered without being asked */
  readonly request: Request | null;
  /** by the reply's number; an answer without a question is under `unasked` */
  readonly outcomes: Map<number, Outcome>;
};

const unasked = -1;

/** One sending of an input through the real client. */
type Sending = { request: Request | null; reply: Reply | null };

export type SdkMemory = {
  readonly known: Map<string, Known>;
  readonly issue: (request: Request) => Promise<Reply>;
};

type Command = { readonly input: object };
type Send = (this: DynamoDBDocumentClient, command: Command, options?: object) => Promise<object>;

const isSending = (options: unknown): options is Sending =>
  typeof options === 'object' && options !== null && 'reply' in options;

/**
 * What the real client's requests are answered with.
 * @param requestOf null: nobody needs to be asked, the answer is `unaskedAnswer`
 */
export function answering(
  memory: SdkMemory,
  requestOf: (operation: Operation) => Request | null,
  unaskedAnswer: Answer,
): (operation: Operation, options: unknown) => Promise<Answer> {
  return async (operation, options) => {
    if (!isSending(options)) throw new Error('the ledger was asked beside the model');
    options.request = requestOf(operation);
    if (!options.request) return unaskedAnswer;
    options.reply ??= await memory.issue(options.request);
    if (options.reply.of === 'ledger') return options.reply.answer;
    throw Object.assign(new Error('no answer (by the model)'), { name: 'TimeoutError' });
  };
}

/** Has every client for documents remember, until the function that is given back is called. */
export function rememberSdk(memoryNow: () => SdkMemory | null): () => void {
  const prototype = DynamoDBDocumentClient.prototype as unknown as { send: Send };
  const real = prototype.send;

  async function worked(
    client: DynamoDBDocumentClient,
    command: Command,
    sending: Sending,
  ): Promise<Outcome> {
    try {
      const { $metadata: _, ...output } = (await real.call(client, command, sending)) as Record<
        string,
        unknown
      >;
      return { output: JSON.stringify(output) };
    } catch (error) {
      return { error };
    }
  }

  async function send(client: DynamoDBDocumentClient, command: Command, memory: SdkMemory): Promise<Outcome> {
    const key = `${command.constructor.name} ${JSON.stringify(command.input)}`;
    const found = memory.known.get(key);
    const reply = found?.request ? await memory.issue(found.request) : null;
    const remembered = found?.outcomes.get(reply?.id ?? unasked);
    if (remembered) return remembered;
    const sending: Sending = { request: null, reply };
    const outcome = await worked(client, command, sending);
    const known = memory.known.get(key) ?? { request: sending.request, outcomes: new Map() };
    memory.known.set(key, known);
    known.outcomes.set(sending.reply?.id ?? unasked, outcome);
    return outcome;
  }

  prototype.send = async function (command, options) {
    const memory = memoryNow();
    if (!memory) return real.call(this, command, options);
    const outcome = await send(this, command, memory);
    if ('error' in outcome) throw outcome.error;
    return JSON.parse(outcome.output);
  };
  return () => {
    prototype.send = real;
  };
}
