/**
 * cron(…) as EventBridge Scheduler reads it: minutes, hours, day of the month, month, day of the week, year.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
 *
 * Where AWS documents nothing (ranges that run backwards, LW, L or W in a list) this refuses: a schedule must not
 * fail at deployment, nor fire when nobody expects it.
 */

type Field = { readonly name: string; readonly from: number; readonly to: number; readonly words?: string };

const minuteField: Field = { name: 'minutes', from: 0, to: 59 };
const hourField: Field = { name: 'hours', from: 0, to: 23 };
const dayField: Field = { name: 'day of the month', from: 1, to: 31 };
const monthField: Field = {
  name: 'month',
  from: 1,
  to: 12,
  words: 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC',
};
const weekdayField: Field = { name: 'day of the week', from: 1, to: 7, words: 'SUN MON TUE WED THU FRI SAT' };
const yearField: Field = { name: 'year', from: 1970, to: 2199 };

/** A day as cron sees it; months from 1, weekdays from 1 = Sunday. */
type Day = { readonly day: number; readonly weekday: number; readonly lastDay: number };

export type Cron = {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly months: ReadonlySet<number>;
  /** null: every year */
  readonly years: ReadonlySet<number> | null;
  readonly firesOn: (day: Day) => boolean;
};

/** What is wrong with an expression; caught by `parseCron`. */
class Refusal extends Error {}

const refuse = (field: Field, found: string, allowed: string): Refusal =>
  new Refusal(
    `the field ${field.name} of cron(…) is ${found === '' ? 'empty' : JSON.stringify(found)}; allowed: ${allowed}`,
  );

const valuesOf = ({ from, to, words }: Field): string =>
  `${from} to ${to}${words ? ` or ${words.split(' ')[0]} to ${words.split(' ').at(-1)}` : ''}`;

function numberOf(field: Field, text: string): number {
  const word = field.words?.split(' ').indexOf(text) ?? -1;
  const value = word >= 0 ? word + field.from : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.from && value <= field.to) return value;
  throw refuse(field, text, valuesOf(field));
}

/** `*`, `5`, `1-5`, `0/15`, `10-40/10`, and lists of these. */
function plainValues(field: Field, text: string, steps = true): number[] {
  const values = text.split(',').flatMap((item) => {
    const [range = '', step, ...more] = item.split('/');
    if (more.length > 0 || (step !== undefined && !steps))
      throw refuse(
        field,
        text,
        `${valuesOf(field)}, *, lists, ranges${steps ? ', one step each: 0/15' : ', no steps'}`,
      );
    const [first = '', last, ...further] = range.split('-');
    if (further.length > 0) throw refuse(field, text, 'a range has one hyphen: 1-5');
    const from = first === '*' && last === undefined ? field.from : numberOf(field, first);
    const to =
      last !== undefined ? numberOf(field, last) : first === '*' || step !== undefined ? field.to : from;
    if (to < from) throw refuse(field, text, 'ranges that run forwards; write two of them as a list');
    const by = step === undefined ? 1 : /^[1-9]\d{0,2}$/.test(step) ? Number(step) : Number.NaN;
    if (!(by <= field.to - field.from)) throw refuse(field, text, `steps of 1 to ${field.to - field.from}`);
    return Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, index) => from + index * by);
  });
  return [...new Set(values)].sort((one, other) => one - other);
}

/** Saturdays and Sundays step aside to the nearest weekday of the same month. */
function nearestWorkday(wanted: number, { day, weekday, lastDay }: Day): boolean {
  const weekdayOfWanted = ((((weekday - 1 + wanted - day) % 7) + 7) % 7) + 1;
  if (wanted > lastDay) return false;
  if (weekdayOfWanted === 7) return day === (wanted === 1 ? 3 : wanted - 1);
  if (weekdayOfWanted === 1) return day === (wanted === lastDay ? wanted - 2 : wanted + 1);
  return day === wanted;
}

function dayRule(text: string): Cron['firesOn'] {
  if (text === 'L') return ({ day, lastDay }) => day === lastDay;
  const workday = /^(\d+)W$/.exec(text);
  if (workday) {
    const wanted = numberOf(dayField, workday[1]!);
    return (day) => nearestWorkday(wanted, day);
  }
  if (/[LW#]/.test(text)) throw refuse(dayField, text, 'L or 15W stand alone: no list, no range, no LW');
  const days = new Set(plainValues(dayField, text));
  return ({ day }) => days.has(day);
}

function weekdayRule(text: string): Cron['firesOn'] {
  if (text === 'L') return ({ weekday }) => weekday === 7;
  const last = /^([1-7])L$/.exec(text);
  if (last) return ({ day, weekday, lastDay }) => weekday === Number(last[1]) && day > lastDay - 7;
  const [one, nth, ...more] = text.split('#');
  if (nth !== undefined) {
    if (more.length > 0 || !/^[1-5]$/.test(nth) || /[,-]/.test(one!))
      throw refuse(weekdayField, text, 'one weekday and its number within the month: MON#2');
    const wanted = numberOf(weekdayField, one!);
    return ({ day, weekday }) => weekday === wanted && Math.ceil(day / 7) === Number(nth);
  }
  if (text.includes('L')) throw refuse(weekdayField, text, 'L, or 6L for the last Friday, stand alone');
  const weekdays = new Set(plainValues(weekdayField, text, false));
  return ({ weekday }) => weekdays.has(weekday);
}

function parse(inside: string): Cron {
  const fields = inside.split(' ');
  if (fields.length !== 6)
    throw new Refusal(
      `cron(…) has ${fields.length} ${fields.length === 1 ? 'field' : 'fields'}; allowed: six, each after one space: minutes hours day-of-month month day-of-week year, as cron(0 3 * * ? *)`,
    );
  const [minutes, hours, day, month, weekday, year] = fields as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if ((day === '?') === (weekday === '?'))
    throw new Refusal(
      `${day === '?' ? 'both day fields of cron(…) are ?' : 'neither day field of cron(…) is ?'}; allowed: ? in one of day-of-month and day-of-week, as cron(0 3 * * ? *) or cron(0 3 ? * MON-FRI *)`,
    );
  const cron: Cron = {
    minutes: plainValues(minuteField, minutes),
    hours: plainValues(hourField, hours),
    months: new Set(plainValues(monthField, month)),
    years: year === '*' ? null : new Set(plainValues(yearField, year)),
    firesOn: day === '?' ? weekdayRule(weekday) : dayRule(day),
  };
  if (firingDays(cron).next().done)
    throw new Refusal('no date is as cron(…) says; allowed: days that there are');
  return cron;
}

/** @param inside what stands between `cron(` and `)` */
export function parseCron(inside: string): Cron | { readonly problem: string } {
  try {
    return parse(inside);
  } catch (error) {
    if (error instanceof Refusal) return { problem: error.message };
    throw error;
  }
}

const dayMs = 86_400_000;

/** Enough of the calendar for every pattern to come by, save those that wait for the leap years around 2100. */
const typicalYears = { from: 2000, to: 2040 };

/** The days on which it fires, as numbers of days since 1970, in order. */
function* firingDays({ months, years, firesOn }: Cron): Generator<number> {
  const { from, to } = years ? { from: Math.min(...years), to: Math.max(...years) } : typicalYears;
  for (let year = from; year <= to; year++) {
    if (years && !years.has(year)) continue;
    for (const month of months) {
      const first = Date.UTC(year, month - 1, 1) / dayMs;
      const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
      for (let day = 1; day <= lastDay; day++) {
        const at = first + day - 1;
        if (firesOn({ day, weekday: new Date(at * dayMs).getUTCDay() + 1, lastDay })) yield at;
      }
    }
  }
}

/** The longest time between two firings, in hours of the clock on the wall; null: it fires just once. */
export function longestCronGapHours(cron: Cron): number | null {
  const times = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * 60 + minute));
  const withinDay = times.slice(1).map((time, index) => time - times[index]!);
  let longest = Math.max(0, ...withinDay);
  let before: number | null = null;
  for (const day of firingDays(cron)) {
    if (before !== null) longest = Math.max(longest, (day - before) * 1440 - times.at(-1)! + times[0]!);
    before = day;
  }
  return longest === 0 ? null : longest / 60;
}
