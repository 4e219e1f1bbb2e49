import { expect, it } from 'vitest';
import { nextDelayMs, type Retrier } from '../../../local/step-functions/retry.ts';

const retrier: Retrier = {
  errorEquals: ['SourceUnavailable'],
  intervalSeconds: 2,
  maxAttempts: 5,
  backoffRate: 2,
  maxDelaySeconds: 10,
  fullJitter: false,
};

const delays = (retriers: readonly Retrier[], errors: readonly string[], random?: () => number) => {
  const attempts = new Map<Retrier, number>();
  return errors.map((error) => nextDelayMs(retriers, attempts, error, random));
};

it('grows by the rate up to the longest delay, and ends after the attempts', () => {
  const expected = [2000, 4000, 8000, 10_000, 10_000, null];
  expect(delays([retrier], Array(6).fill('SourceUnavailable'))).toEqual(expected);
});

it('takes a random part of the delay with full jitter', () => {
  expect(delays([{ ...retrier, fullJitter: true }], Array(3).fill('SourceUnavailable'), () => 0.5)).toEqual([
    ...[1000, 2000, 4000],
  ]);
});

it('counts each retrier by itself, the first that matches decides', () => {
  const all: Retrier = { ...retrier, errorEquals: ['States.ALL'], intervalSeconds: 7, maxAttempts: 1 };
  const errors = ['SourceUnavailable', 'Other', 'SourceUnavailable', 'Other'];
  expect(delays([retrier, all], errors)).toEqual([2000, 7000, 4000, null]);
});

it('holds to what the wildcards leave out', () => {
  const wildcard = (name: string): Retrier => ({ ...retrier, errorEquals: [name] });
  expect(
    delays([wildcard('States.ALL')], ['States.Timeout', 'States.DataLimitExceeded', 'States.Runtime']),
  ).toEqual([...[2000, null, null]]);
  expect(delays([wildcard('States.TaskFailed')], ['States.Timeout', 'Other'])).toEqual([null, 2000]);
  expect(delays([wildcard('States.DataLimitExceeded')], ['States.DataLimitExceeded'])).toEqual([2000]);
});
