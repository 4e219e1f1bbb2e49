/**
 * Most of what a test in memory costs is the AWS SDK on its way from an input to a request, and from an answer to an
 * output. A short client takes these two steps by itself, where nothing goes wrong. Whatever else comes (an error, a
 * broken body, silence) goes to the real client: it works out the request as ever, is given what became of its
 * first try, and reads that, repeats and reports it as it does. There its request is held against ours.
 */
import type { WireCall } from '../sdk-faults.ts';

export type HttpAnswer = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

/**
 * What lies between client and service: gives the answer, throws what a lost connection throws, or never settles.
 * @param tries how often this very call has been sent, this time included
 */
export type Carry<Request> = (request: Request, call: WireCall, tries: number) => Promise<HttpAnswer>;

export type Language<Request> = {
  readonly service: string;
  /** What the client makes of an input; null: it is to do so itself. */
  requestOf(command: string, input: object): { readonly call: WireCall; readonly request: Request } | null;
  /** What the client makes of the answer; null: it is to do so itself. */
  outputOf(command: string, answer: HttpAnswer): object | null;
  /** How the client's own request differs from ours; null: not at all. */
  difference(own: Request, ours: Request): string | null;
};

type Command = { readonly input: object };
type First = { readonly answer: HttpAnswer } | { readonly error: unknown };

/** A call on its way through the real client; it reaches the request handler as the options of `send`. */
class ThroughTheClient<Request> {
  readonly call: WireCall;
  /** what we made of it, and what became of that; null: the client is the first to try */
  readonly tried: { readonly request: Request; readonly first: First } | null;
  tries = 0;

  constructor(call: WireCall, tried: ThroughTheClient<Request>['tried']) {
    this.call = call;
    this.tried = tried;
  }
}

export type ShortClient<Request> = {
  /** In place of the client's `send`. @param itself the client's own */
  send(command: Command, itself: (options: object) => Promise<object>): Promise<object>;
  /** The request handler of the real client. @param options those of `send` */
  handle(own: Request, options: unknown): Promise<HttpAnswer>;
};

export function shortClient<Request>(
  language: Language<Request>,
  carry: Carry<Request>,
): ShortClient<Request> {
  const { service, requestOf, outputOf, difference } = language;
  return {
    async send(command, itself) {
      const name = command.constructor.name.replace(/Command$/, '');
      const made = requestOf(name, command.input);
      if (!made) {
        return itself(new ThroughTheClient({ service, command: name, input: { ...command.input } }, null));
      }
      const { call, request } = made;
      let first: First;
      try {
        const answer = await carry(request, call, 1);
        const output = outputOf(name, answer);
        if (output) return output;
        first = { answer };
      } catch (error) {
        first = { error };
      }
      return itself(new ThroughTheClient(call, { request, first }));
    },

    async handle(own, options) {
      // a client that shares the handler with a short one
      if (!(options instanceof ThroughTheClient)) {
        return carry(own, { service, command: '', input: {} }, 1);
      }
      const { call, tried } = options;
      if (++options.tries > 1 || !tried) return carry(own, call, options.tries);
      const differs = difference(own, tried.request);
      if (differs) throw new Error(`${call.command}: the client’s own request differs: ${differs}`);
      if ('error' in tried.first) throw tried.first.error;
      return tried.first.answer;
    },
  };
}
