/** When a deployed sync runs: rate(…) and cron(…) as EventBridge Scheduler takes them, and how long it rests at most. */
import { type Cron, longestCronGapHours, parseCron } from './cron.ts';

export type Schedule = { readonly expression: string; readonly time_zone: string };

type Rhythm =
  | { readonly kind: 'rate'; readonly hours: number }
  | { readonly kind: 'cron'; readonly cron: Cron };

const hoursOf = { minute: 1 / 60, hour: 1, day: 24 } as const;

function parseRate(text: string, inside: string): Rhythm | { readonly problem: string } {
  const [, amount, unit, plural] = /^([1-9]\d{0,5}) (minute|hour|day)(s?)$/.exec(inside) ?? [];
  if (amount === undefined)
    return {
      problem: `${text} is no rate; allowed: a whole number above 0, one space, and minutes, hours or days: rate(15 minutes)`,
    };
  const right = `rate(${amount} ${unit}${amount === '1' ? '' : 's'})`;
  if ((amount === '1') === (plural === 's')) return { problem: `${text} is no rate; allowed: ${right}` };
  return { kind: 'rate', hours: Number(amount) * hoursOf[unit as keyof typeof hoursOf] };
}

function parseExpression(text: string): Rhythm | { readonly problem: string } {
  const [, kind, inside = ''] = /^(rate|cron)\((.*)\)$/.exec(text) ?? [];
  if (kind === 'rate') return parseRate(text, inside);
  if (kind === 'cron') {
    const cron = parseCron(inside);
    return 'problem' in cron ? cron : { kind: 'cron', cron };
  }
  return {
    problem: `${JSON.stringify(text)} is no schedule; allowed: rate(15 minutes), cron(0 3 * * ? *)`,
  };
}

const expressionMax = 256;

/** What EventBridge Scheduler would not take, or a schedule that would never fire; null: nothing. */
export function scheduleProblem(expression: string): string | null {
  if (expression.length > expressionMax)
    return `${expression.length} characters; allowed: up to ${expressionMax}`;
  const parsed = parseExpression(expression);
  return 'problem' in parsed ? parsed.problem : null;
}

/** Names of the IANA database, in its spelling: Europe/Berlin. */
export function timeZoneProblem(name: string): string | null {
  const allowed = 'allowed: a name of the IANA time zone database, in its spelling: UTC, Europe/Berlin';
  let canonical: string;
  try {
    canonical = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return `${JSON.stringify(name)} is no time zone; ${allowed}`;
  }
  const differsByCase = name !== canonical && name.toLowerCase() === canonical.toLowerCase();
  // newer versions of Node also take +01:00, and all of them any mixture of upper and lower case
  if (!differsByCase && name.split('/').every((word) => /^[A-Z]/.test(word))) return null;
  return `${JSON.stringify(name)} is no time zone; ${allowed}${differsByCase ? `; did you mean ${canonical}?` : ''}`;
}

const offsetHours = (timeZone: string, date: Date): number => {
  const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' }).formatToParts(date);
  const text = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours, minutes] = /GMT([+-])(\d+):(\d+)/.exec(text) ?? [];
  return sign === undefined ? 0 : (Number(hours) + Number(minutes) / 60) * (sign === '-' ? -1 : 1);
};

/** How much longer a night is when the clocks go back. */
const clockChangeHours = (timeZone: string): number =>
  Math.abs(
    offsetHours(timeZone, new Date('2026-01-15T00:00Z')) -
      offsetHours(timeZone, new Date('2026-07-15T00:00Z')),
  );

/**
 * The longest time between two firings, in hours; null where it fires just once. An hour is added where clocks are
 * put back; a firing that falls into the hour which is left out in spring, and is skipped, is not counted.
 */
export function longestGapHours({ expression, time_zone }: Schedule): number | null {
  const parsed = parseExpression(expression);
  if ('problem' in parsed) return null;
  if (parsed.kind === 'rate') return parsed.hours;
  const hours = longestCronGapHours(parsed.cron);
  return hours === null ? null : hours + clockChangeHours(time_zone);
}

/** CloudWatch looks back for at most 7 days. */
export const alarmHoursMax = 168;

/**
 * After how many hours without a published run the alarm rings: as `deploy.alarm_after_hours` says, else twice the
 * schedule's longest gap and an hour, so that one lost firing is forgiven, at most the 7 days that CloudWatch looks
 * back. Null: no alarm, as there is no schedule, or one that rests for about 7 days or longer, where the alarm would ring
 * between two firings.
 */
export function alarmAfterHours(definition: {
  readonly schedule?: Schedule | undefined;
  readonly deploy: { readonly alarm_after_hours?: number | undefined };
}): number | null {
  const { schedule, deploy } = definition;
  if (deploy.alarm_after_hours !== undefined) return deploy.alarm_after_hours;
  const gap = schedule ? longestGapHours(schedule) : null;
  if (gap === null || gap + 1 > alarmHoursMax) return null;
  return Math.min(Math.ceil(2 * gap) + 1, alarmHoursMax);
}
