/** What can befall a call, and what befalls the whole. */
import { TidemarkError } from '../../../core/errors.ts';
import { s3Error } from '../../support/memory-s3.ts';
import type { Call, Held } from './actors.ts';
import type { Dice } from './dice.ts';
import { unanswered } from './sandboxes.ts';

/** Of a single call. */
export const callFaults = [
  'dies before',
  'dies after',
  'dies, lands late',
  'answer lost',
  'unavailable',
  'unavailable after effect',
  'unavailable, lands late',
  'repeated, first lands late',
  'throttled',
  'conflict',
  'error in a 200',
  'falls asleep',
  'overtime',
] as const;

/** Of everything: executions, people, the database. */
export const worldFaults = [
  'process dies',
  'execution aborted',
  'second start',
  'fresh start',
  'old one redriven',
  'definition changes',
  'source written',
] as const;

export type CallFault = (typeof callFaults)[number];
export type WorldFault = (typeof worldFaults)[number];
export type Fault = CallFault | WorldFault;

export const allFaults: readonly Fault[] = [...callFaults, ...worldFaults];

const ofRequests = new Set<CallFault>(['dies after', 'answer lost', 'unavailable after effect', 'throttled']);
const ofWrites = new Set<CallFault>([
  'dies, lands late',
  'unavailable, lands late',
  'repeated, first lands late',
]);

const isRequest = ({ service }: Call): boolean => service === 's3' || service === 'dynamodb';

export function canBefall(fault: CallFault, call: Call): boolean {
  if (ofRequests.has(fault)) return isRequest(call);
  if (ofWrites.has(fault)) return call.isWrite;
  if (fault === 'conflict') return call.isConditional;
  if (fault === 'error in a 200') return call.name === 'CopyObject';
  if (fault === 'unavailable') return call.service !== 'timer';
  return true;
}

/** The connection was cut: the SDK tries again. */
const cut = (): Error =>
  Object.assign(new Error('the connection was cut'), { name: 'TimeoutError', code: 'ECONNRESET' });

const throttled = (): Error =>
  Object.assign(new Error('too many requests'), { name: 'ProvisionedThroughputExceededException' });

/** Of what is no service of AWS's SDK: as its own code has it. */
const gone = ({ service, name }: Call): Error =>
  new TidemarkError(service === 'source' ? 'SourceUnavailable' : 'LedgerUnavailable', `${name}: no answer`);

/** What a fault may do beside settling the call. */
export type Hands = {
  /** The call takes effect at some time from now on. */
  later(held: Held): void;
  kill(held: Held): void;
  /** Whoever waits for the actor's answer may lose patience. */
  sleep(held: Held): void;
  overtime(held: Held): void;
};

/** Has a call go wrong; the call is off the list already. */
export function strike(fault: CallFault, held: Held, dice: Dice, hands: Hands): void {
  const { call, answer, fail, perform } = held;
  switch (fault) {
    case 'dies before':
      hands.kill(held);
      break;
    case 'dies after':
      perform();
      hands.kill(held);
      break;
    case 'dies, lands late':
      hands.later(held);
      hands.kill(held);
      break;
    case 'answer lost':
      perform();
      fail(cut());
      break;
    case 'unavailable':
      fail(isRequest(call) ? unanswered() : gone(call));
      break;
    case 'unavailable after effect':
      perform();
      fail(unanswered());
      break;
    case 'unavailable, lands late':
      hands.later(held);
      fail(unanswered());
      break;
    case 'repeated, first lands late':
      hands.later(held);
      fail(cut());
      break;
    case 'throttled':
      if (call.service === 's3') answer(s3Error(503, 'SlowDown'));
      else fail(throttled());
      break;
    case 'conflict':
      answer(s3Error(409, 'ConditionalRequestConflict'));
      break;
    case 'error in a 200':
      if (dice.chance(0.5)) perform();
      answer({ ...s3Error(500, 'InternalError'), statusCode: 200 });
      break;
    case 'falls asleep':
      hands.sleep(held);
      break;
    case 'overtime':
      hands.overtime(held);
      break;
  }
}
