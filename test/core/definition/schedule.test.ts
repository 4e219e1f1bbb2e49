import { describe, expect, test } from 'vitest';
import {
  alarmAfterHours,
  longestGapHours,
  scheduleProblem,
  timeZoneProblem,
} from '../../../core/definition/schedule.ts';

describe('what EventBridge Scheduler takes', () => {
  test.for([
    'rate(1 minute)',
    'rate(5 minutes)',
    'rate(1 hour)',
    'rate(12 hours)',
    'rate(1 day)',
    'rate(7 days)',
    'cron(0 3 * * ? *)',
    'cron(15,45 0-23 1 JAN-DEC ? *)',
    'cron(0/15 8-17 ? * MON-FRI *)',
    'cron(*/5 * * * ? *)',
    'cron(10-50/20 0 ? * 2,4,SAT 2026-2030)',
    'cron(0 0 L * ? *)',
    'cron(0 8 15W * ? *)',
    'cron(0 8 1/5 * ? *)',
    'cron(0 8 ? * L *)',
    'cron(0 8 ? * 6L *)',
    'cron(0 8 ? * MON#1 *)',
    'cron(0 8 ? * 3#5 1970,2199)',
    'cron(0 0 29 2 ? *)',
    'cron(0 0 ? 2/3 SUN 2026/2)',
  ])('%s', (expression) => {
    expect(scheduleProblem(expression)).toBeNull();
  });
});

describe('what it does not take, what was found there, and what is allowed', () => {
  test.for([
    ['5 minutes', '"5 minutes" is no schedule; allowed: rate(15 minutes), cron('],
    ['at(2026-12-24T18:00:00)', 'is no schedule'],
    ['rate(0 minutes)', 'allowed: a whole number above 0'],
    ['rate(1.5 hours)', 'allowed: a whole number above 0'],
    ['rate(-5 minutes)', 'allowed: a whole number above 0'],
    ['rate(05 minutes)', 'allowed: a whole number above 0'],
    ['rate(30 seconds)', 'and minutes, hours or days: rate(15 minutes)'],
    ['rate(2 weeks)', 'and minutes, hours or days'],
    ['rate(5  minutes)', 'one space'],
    ['rate(1 minutes)', 'rate(1 minutes) is no rate; allowed: rate(1 minute)'],
    ['rate(5 minute)', 'rate(5 minute) is no rate; allowed: rate(5 minutes)'],
    [`cron(0 3 ${'1,'.repeat(125)}1 * ? *)`, '267 characters; allowed: up to 256'],
    ['RATE(5 minutes)', 'is no schedule'],
    ['cron(0 3 * * ?)', 'cron(…) has 5 fields; allowed: six'],
    ['cron(0 3 * * * ? *)', 'cron(…) has 7 fields; allowed: six'],
    ['cron(0  3 * * ? *)', 'cron(…) has 7 fields; allowed: six, each after one space'],
    ['cron(0 3 * * * *)', 'neither day field of cron(…) is ?; allowed: ? in one of'],
    ['cron(0 3 1 * MON *)', 'neither day field'],
    ['cron(0 3 ? * ? *)', 'both day fields of cron(…) are ?'],
    ['cron(60 3 * * ? *)', 'the field minutes of cron(…) is "60"; allowed: 0 to 59'],
    ['cron(0 24 * * ? *)', 'the field hours of cron(…) is "24"; allowed: 0 to 23'],
    ['cron(? 3 * * ? *)', 'the field minutes of cron(…) is "?"'],
    ['cron(0 3 0 * ? *)', 'the field day of the month of cron(…) is "0"; allowed: 1 to 31'],
    ['cron(0 3 32 * ? *)', 'the field day of the month'],
    ['cron(0 3 * 13 ? *)', 'the field month of cron(…) is "13"; allowed: 1 to 12 or JAN to DEC'],
    ['cron(0 3 * JANUARY ? *)', 'the field month'],
    ['cron(0 3 ? * 0 *)', 'the field day of the week of cron(…) is "0"; allowed: 1 to 7 or SUN to SAT'],
    ['cron(0 3 ? * mon *)', 'the field day of the week of cron(…) is "mon"'],
    ['cron(0 3 ? * 2/2 *)', 'no steps'],
    ['cron(0 3 ? * FRI-MON *)', 'ranges that run forwards'],
    ['cron(0 3 ? * MON#6 *)', 'allowed: one weekday and its number within the month: MON#2'],
    ['cron(0 3 ? * MON#1,FRI#3 *)', 'allowed: one weekday'],
    ['cron(0 3 ? * 6L,2L *)', 'stand alone'],
    ['cron(0 3 LW * ? *)', 'L or 15W stand alone'],
    ['cron(0 3 1,15W * ? *)', 'L or 15W stand alone'],
    ['cron(0 3 32W * ? *)', 'the field day of the month of cron(…) is "32"'],
    ['cron(0 3 * * ? 1969)', 'the field year of cron(…) is "1969"; allowed: 1970 to 2199'],
    ['cron(0 3 * * ? 2200)', 'the field year'],
    ['cron(0/0 3 * * ? *)', 'steps of 1 to 59'],
    ['cron(*/60 3 * * ? *)', 'steps of 1 to 59'],
    ['cron(0/5/5 3 * * ? *)', 'the field minutes'],
    ['cron(1-2-3 3 * * ? *)', 'a range has one hyphen'],
    ['cron(1, 3 * * ? *)', 'the field minutes of cron(…) is empty'],
    ['cron(0 3 30 2 ? *)', 'no date is as cron(…) says'],
    ['cron(0 3 29 FEB ? 2027)', 'no date is as cron(…) says'],
    ['cron(0 3 31 4,6,9,11 ? *)', 'no date is as cron(…) says'],
  ] as const)('%s', ([expression, problem]) => {
    expect(scheduleProblem(expression)).toContain(problem);
  });
});

describe('time zones', () => {
  test.for(['UTC', 'Europe/Berlin', 'America/Port-au-Prince', 'Asia/Kolkata', 'Etc/GMT+5', 'CET', 'GB'])(
    '%s',
    (name) => {
      expect(timeZoneProblem(name)).toBeNull();
    },
  );
  test.for(['Europe/Bonn', 'Berlin', 'GMT+1', '+01:00', '', 'utc', 'asia/kolkata'])('no “%s”', (name) => {
    expect(timeZoneProblem(name)).toContain('allowed: a name of the IANA time zone database');
  });
  test('a name in other letters is put right', () => {
    expect(timeZoneProblem('europe/berlin')).toContain('did you mean Europe/Berlin?');
  });
});

describe('the longest time between two firings, in hours', () => {
  test.for([
    ['rate(15 minutes)', 0.25],
    ['rate(1 hour)', 1],
    ['rate(3 days)', 72],
    ['cron(0 3 * * ? *)', 24],
    ['cron(*/5 * * * ? *)', 1 / 12],
    // 17:45 → 8:00
    ['cron(0/15 8-17 * * ? *)', 14.25],
    // Friday evening → Monday morning
    ['cron(0 9,18 ? * MON-FRI *)', 63],
    ['cron(0 0 ? * 1,7 *)', 6 * 24],
    ['cron(0 0 1 * ? *)', 31 * 24],
    ['cron(0 0 L * ? *)', 31 * 24],
    // 31 March → 31 May
    ['cron(0 0 31 * ? *)', 61 * 24],
    // the last Friday of a month may be five weeks before the next one
    ['cron(0 0 ? * 6L *)', 35 * 24],
    ['cron(0 0 ? * FRI#1 *)', 35 * 24],
    // the 15th is a Thursday, 31 days later a Sunday: the 16th
    ['cron(0 0 15W * ? *)', 32 * 24],
    // 1 January may be a Saturday: the 3rd
    ['cron(0 0 1W 1 ? *)', 368 * 24],
    ['cron(0 0 29 2 ? *)', (4 * 365 + 1) * 24],
    ['cron(0 0 1 1 ? 2026,2028)', 730 * 24],
    ['cron(0 0 L * ? 2027)', 31 * 24],
  ] as const)('%s: %d', ([expression, hours]) => {
    expect(longestGapHours({ expression, time_zone: 'UTC' })).toBeCloseTo(hours, 9);
  });

  test('none, where it fires just once', () => {
    expect(longestGapHours({ expression: 'cron(0 0 24 12 ? 2026)', time_zone: 'UTC' })).toBeNull();
  });

  test('an hour more where clocks are put back; not for rates, which know no clock', () => {
    const nightly = 'cron(0 3 * * ? *)';
    expect(longestGapHours({ expression: nightly, time_zone: 'Europe/Berlin' })).toBe(25);
    expect(longestGapHours({ expression: nightly, time_zone: 'Asia/Tokyo' })).toBe(24);
    expect(longestGapHours({ expression: nightly, time_zone: 'Australia/Lord_Howe' })).toBe(24.5);
    expect(longestGapHours({ expression: 'rate(1 day)', time_zone: 'Europe/Berlin' })).toBe(24);
  });
});

describe('when the alarm rings', () => {
  const ringsAfter = (expression: string | null, alarm_after_hours?: number) =>
    alarmAfterHours({
      ...(expression && { schedule: { expression, time_zone: 'UTC' } }),
      deploy: { alarm_after_hours },
    });
  test('twice the longest gap and an hour, within the 7 days of CloudWatch', () => {
    expect(ringsAfter('rate(15 minutes)')).toBe(2);
    expect(ringsAfter('cron(0 3 * * ? *)')).toBe(49);
    expect(ringsAfter('cron(0 9 ? * MON-FRI *)')).toBe(145);
    expect(ringsAfter('rate(5 days)')).toBe(168);
  });
  test('never, where it would ring between two firings, or nothing is to be expected', () => {
    expect(ringsAfter('rate(7 days)')).toBeNull();
    expect(ringsAfter('cron(0 0 1 * ? *)')).toBeNull();
    expect(ringsAfter('cron(0 0 24 12 ? 2026)')).toBeNull();
    expect(ringsAfter(null)).toBeNull();
  });
  test('as the definition says', () => {
    expect(ringsAfter('cron(0 3 * * ? *)', 30)).toBe(30);
    expect(ringsAfter(null, 72)).toBe(72);
  });
});
