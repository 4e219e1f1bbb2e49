/** In which ways a call can go wrong: each as what the wire does with the SDK's tries of this one call. */
import {
  brokenOff,
  connectionLost,
  deletionsFailed,
  errorAnswer,
  errorInside200,
  type Send,
  type WireAnswer,
  type WireCall,
} from '../../support/sdk-faults.ts';

/** When a request that was given up takes effect after all. */
export type Landing =
  | 'when the next attempt has begun'
  | 'when the next attempt is at the same call'
  | 'after the next attempt'
  | 'after publish'
  | 'after the next run';

export type Hand = {
  /** The process ends here; whoever waits, waits for ever. */
  die(): Promise<never>;
  /** Keeps the request, to take effect when the test says so. */
  hold(send: Send): void;
};

export type Way = {
  readonly name: string;
  readonly appliesTo: (call: WireCall) => boolean;
  readonly act: (call: WireCall, tries: number, send: Send, hand: Hand) => Promise<WireAnswer>;
  /** what becomes of the attempt: it dies, it fails with a transient error, or the SDK's next try mends it */
  readonly ends: 'died' | 'failed' | 'mended' | 'mended or failed';
  readonly landing?: Landing;
};

const always = (): boolean => true;
const onS3 = ({ service }: WireCall): boolean => service === 's3';
const onDynamodb = ({ service }: WireCall): boolean => service === 'dynamodb';
const is =
  (...commands: string[]) =>
  ({ command }: WireCall): boolean =>
    commands.includes(command);
/** Whether a call changes something. */
export const isWrite = is('PutObject', 'CopyObject', 'DeleteObjects', 'PutItem', 'UpdateItem');
const isConditional = ({ service, input }: WireCall): boolean =>
  service === 's3' && (input.IfNoneMatch !== undefined || input.IfMatch !== undefined);
const hasBody = is('GetObject', 'ListObjectsV2', 'GetItem', 'Query', 'UpdateItem');

const late = (landing: Landing): Way => ({
  name: `no answer, and it takes effect ${landing}`,
  appliesTo: isWrite,
  ends: 'failed',
  landing,
  async act(_call, tries, send, hand) {
    if (tries === 1) hand.hold(send);
    return connectionLost();
  },
});

const twin = (landing: Landing): Way => ({
  name: `sent twice, the first one takes effect ${landing}`,
  appliesTo: isWrite,
  ends: 'mended',
  landing,
  async act(_call, tries, send, hand) {
    if (tries > 1) return send();
    hand.hold(send);
    return connectionLost();
  },
});

/** The service refuses, once or for as long as the SDK tries. */
const refusal = (
  status: number,
  code: string,
  howOften: 'once' | 'always',
  appliesTo: (call: WireCall) => boolean,
): Way => ({
  name: `${status} ${code} ${howOften}`,
  appliesTo,
  ends: howOften === 'once' ? 'mended' : 'failed',
  act: async (call, tries, send) =>
    tries === 1 || howOften === 'always' ? errorAnswer(call, status, code) : send(),
});

const inside = (code: string, tookEffect: boolean): Way => ({
  name: `200 with ${code} inside${tookEffect ? ', but it took effect' : ''}`,
  appliesTo: is('CopyObject'),
  ends: 'mended or failed',
  async act(_call, tries, send) {
    if (tries > 1) return send();
    if (tookEffect) await send();
    return errorInside200(code);
  },
});

export const ways: readonly Way[] = [
  {
    name: 'dies before it',
    appliesTo: always,
    ends: 'died',
    act: (_call, _tries, _send, hand) => hand.die(),
  },
  {
    name: 'dies after it took effect',
    appliesTo: always,
    ends: 'died',
    async act(_call, _tries, send, hand) {
      await send();
      return hand.die();
    },
  },
  {
    name: 'lost before it, sent again',
    appliesTo: always,
    ends: 'mended',
    act: async (_call, tries, send) => (tries === 1 ? connectionLost() : send()),
  },
  {
    name: 'answer lost, sent again',
    appliesTo: always,
    ends: 'mended',
    async act(_call, tries, send) {
      const answer = await send();
      return tries === 1 ? connectionLost() : answer;
    },
  },
  {
    name: 'never sent, told unavailable',
    appliesTo: always,
    ends: 'failed',
    act: async () => connectionLost(),
  },
  {
    name: 'answer lost, told unavailable',
    appliesTo: always,
    ends: 'failed',
    async act(_call, tries, send) {
      if (tries === 1) await send();
      return connectionLost();
    },
  },
  {
    name: 'every try takes effect, every answer lost',
    appliesTo: isWrite,
    ends: 'failed',
    async act(_call, _tries, send) {
      await send();
      return connectionLost();
    },
  },
  late('when the next attempt has begun'),
  late('when the next attempt is at the same call'),
  late('after the next attempt'),
  late('after publish'),
  late('after the next run'),
  twin('after publish'),
  twin('after the next run'),
  refusal(503, 'SlowDown', 'once', onS3),
  refusal(503, 'SlowDown', 'always', onS3),
  refusal(500, 'InternalError', 'once', onS3),
  refusal(400, 'RequestTimeout', 'once', (call) => onS3(call) && !call.command.startsWith('Head')),
  refusal(400, 'ThrottlingException', 'once', onDynamodb),
  refusal(400, 'ProvisionedThroughputExceededException', 'always', onDynamodb),
  refusal(500, 'InternalServerError', 'once', onDynamodb),
  refusal(503, 'ServiceUnavailable', 'always', onDynamodb),
  {
    name: 'took effect, then 500',
    appliesTo: isWrite,
    ends: 'mended',
    async act(call, tries, send) {
      const answer = await send();
      return tries > 1
        ? answer
        : errorAnswer(call, 500, onS3(call) ? 'InternalError' : 'InternalServerError');
    },
  },
  {
    name: '409 ConditionalRequestConflict once',
    appliesTo: isConditional,
    ends: 'mended or failed',
    act: async (call, tries, send) =>
      tries === 1 ? errorAnswer(call, 409, 'ConditionalRequestConflict') : send(),
  },
  {
    name: 'took effect, then 409',
    appliesTo: isConditional,
    ends: 'mended or failed',
    async act(call, _tries, send) {
      await send();
      return errorAnswer(call, 409, 'ConditionalRequestConflict');
    },
  },
  {
    name: '412 PreconditionFailed without a cause',
    appliesTo: isConditional,
    ends: 'mended or failed',
    act: async (call) => errorAnswer(call, 412, 'PreconditionFailed'),
  },
  {
    name: 'took effect, then 412 (sent twice on the way)',
    appliesTo: isConditional,
    ends: 'mended or failed',
    async act(call, _tries, send) {
      await send();
      return errorAnswer(call, 412, 'PreconditionFailed');
    },
  },
  inside('InternalError', false),
  inside('InternalError', true),
  inside('SlowDown', false),
  {
    name: '200 with Errors, nothing deleted',
    appliesTo: is('DeleteObjects'),
    ends: 'failed',
    act: async (call) => deletionsFailed(call, 'InternalError'),
  },
  {
    name: '200 with Errors, but deleted',
    appliesTo: is('DeleteObjects'),
    ends: 'failed',
    async act(call, _tries, send) {
      await send();
      return deletionsFailed(call, 'SlowDown');
    },
  },
  {
    name: 'answer breaks off in the middle',
    appliesTo: hasBody,
    ends: 'mended or failed',
    act: async (_call, tries, send) => (tries === 1 ? brokenOff(await send()) : send()),
  },
];
