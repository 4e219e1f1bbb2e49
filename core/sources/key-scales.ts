/**
 * Keys as places on a line: where about the middle between two of them lies. What is found need not be a key that is
 * there, and only a guess at the database's order: whoever asks looks for the database's own key at that place.
 */

export type KeyScale = {
  /**
   * A value between two of a column, at so much of the way from the first to the last; null: there is no room between
   * them, or no way to say.
   * @param part above 0 and below 1
   */
  between(first: string, last: string, part: number): string | null;
};

const steps = 1_000_000n;

/** Of whole numbers, by what they stand for. */
const onLine = (toNumber: (text: string) => bigint | null, toText: (value: bigint) => string): KeyScale => ({
  between(first, last, part) {
    const low = toNumber(first);
    const high = toNumber(last);
    if (low === null || high === null || high - low < 2n) return null;
    const moved = ((high - low) * BigInt(Math.round(part * Number(steps)))) / steps;
    const value = low + moved;
    return toText(value <= low ? low + 1n : value >= high ? high - 1n : value);
  },
});

export const integerScale: KeyScale = onLine(BigInt, String);

/** @param scale digits after the point */
export const decimalScale = (scale: number): KeyScale =>
  onLine(
    (text) => {
      const [whole = '', decimals = ''] = text.split('.');
      return BigInt(`${whole}${decimals.slice(0, scale).padEnd(scale, '0')}`);
    },
    (value) => {
      const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
      const sign = value < 0n ? '-' : '';
      return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
    },
  );

export const floatScale: KeyScale = {
  between(first, last, part) {
    const low = Number(first);
    const high = Number(last);
    // the difference of the greatest and the least would be infinite
    const value = low * (1 - part) + high * part;
    return value > low && value < high ? String(value) : null;
  },
};

const dayMicros = 86_400_000_000n;

const clock = /^(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/;

function clockMicros(text: string): bigint | null {
  const [, sign, hours, minutes, seconds, fraction = ''] = clock.exec(text) ?? [];
  if (hours === undefined) return null;
  const whole = (BigInt(hours) * 60n + BigInt(minutes ?? 0)) * 60n + BigInt(seconds ?? 0);
  const micros = whole * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
  return sign === '-' ? -micros : micros;
}

function clockText(value: bigint): string {
  const micros = value < 0n ? -value : value;
  const seconds = micros / 1_000_000n;
  const parts = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map((part) =>
    String(part).padStart(2, '0'),
  );
  const fraction = micros % 1_000_000n;
  const rest = fraction === 0n ? '' : `.${String(fraction).padStart(6, '0')}`;
  return `${value < 0n ? '-' : ''}${parts.join(':')}${rest}`;
}

export const timeScale: KeyScale = onLine(clockMicros, clockText);

/** Days since 1970; null for what is no day of the calendar, as 0000-00-00. */
function dayNumber(text: string): bigint | null {
  const time = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(time) ? null : BigInt(Math.round(time / 86_400_000));
}

const dayText = (day: bigint): string => new Date(Number(day) * 86_400_000).toISOString().slice(0, 10);

export const dateScale: KeyScale = onLine(dayNumber, dayText);

export const dateTimeScale: KeyScale = onLine(
  (text) => {
    const [date = '', time = ''] = text.split(' ');
    const day = dayNumber(date);
    const micros = clockMicros(time);
    return day === null || micros === null ? null : day * dayMicros + micros;
  },
  (value) => {
    const micros = ((value % dayMicros) + dayMicros) % dayMicros;
    return `${dayText((value - micros) / dayMicros)} ${clockText(micros)}`;
  },
);

/** Digits of a fraction after the last that two numbers have in common. */
const further = 4;

/** Of two lists of digits of this base: as fractions, the one that lies between them; null: they are too close. */
function betweenDigits(
  first: readonly number[],
  last: readonly number[],
  base: number,
  part: number,
): number[] | null {
  let same = 0;
  while (same < first.length && first[same] === last[same]) same++;
  const length = same + further;
  const value = (digits: readonly number[]): bigint => {
    let sum = 0n;
    for (let i = same; i < length; i++) sum = sum * BigInt(base) + BigInt(digits[i] ?? 0);
    return sum;
  };
  const low = value(first);
  const high = value(last);
  if (high - low < 2n) return null;
  let middle = low + ((high - low) * BigInt(Math.round(part * Number(steps)))) / steps;
  if (middle <= low) middle = low + 1n;
  const digits: number[] = [];
  for (let i = 0; i < further; i++, middle /= BigInt(base)) digits.unshift(Number(middle % BigInt(base)));
  return [...first.slice(0, same), ...digits];
}

const hexBytes = (text: string): number[] => [...Buffer.from(text, 'hex')];

/** Bytes, as hexadecimal digits. */
export const bytesScale: KeyScale = {
  between(first, last, part) {
    const found = betweenDigits(hexBytes(first), hexBytes(last), 256, part);
    return found === null ? null : Buffer.from(found).toString('hex');
  },
};

const uuidForm = /(.{8})(.{4})(.{4})(.{4})(.{12})/;
const uuidText = (hex: string): string =>
  hex.padEnd(32, '0').slice(0, 32).replace(uuidForm, '$1-$2-$3-$4-$5');

export const uuidScale: KeyScale = {
  between(first, last, part) {
    const hex = bytesScale.between(first.replaceAll('-', ''), last.replaceAll('-', ''), part);
    return hex === null ? null : uuidText(hex);
  },
};

/** Of version 1 to 5 MariaDB compares the last group of digits first, and the first one last; of others byte by byte. */
export const mariadbUuidScale: KeyScale = {
  between(first, last, part) {
    const isTurned = [first, last].every((text) => /^.{14}[1-5]/.test(text));
    if (!isTurned) return uuidScale.between(first, last, part);
    const turned = (text: string): string => text.split('-').reverse().join('');
    const hex = bytesScale.between(turned(first), turned(last), part)?.padEnd(32, '0').slice(0, 32);
    if (hex === undefined) return null;
    const back = hex.replace(/(.{12})(.{4})(.{4})(.{4})(.{8})/, '$5-$4-$3-$2-$1');
    // the digits that say of which version and kind it is
    const kept = [14, 19];
    return Array.from(back, (digit, at) => (kept.includes(at) ? first[at] : digit)).join('');
  },
};

/** The characters that texts are guessed to be made of, in the order that dictionaries have, and in that of their codes. */
const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
const byCode = printable.join('');
const asInDictionaries = printable
  .filter((character) => !/[A-Za-z]/.test(character))
  .concat([...'abcdefghijklmnopqrstuvwxyz'].flatMap((letter) => [letter, letter.toUpperCase()]))
  .join('');

/** @param order 'codes': texts are compared by their characters' codes; 'dictionary': somehow, letters by the alphabet */
export function textScale(order: 'codes' | 'dictionary'): KeyScale {
  const alphabet = order === 'codes' ? byCode : asInDictionaries;
  // 0 is the end of a text; a character from elsewhere comes after those that are known
  const elsewhere = order === 'codes' ? '\x7f' : '~';
  const base = alphabet.length + 2;
  const digit = (character: string): number => {
    const place = alphabet.indexOf(character);
    if (place >= 0) return place + 1;
    return character < ' ' ? 1 : alphabet.length + 1;
  };
  return {
    between(first, last, part) {
      const low = Array.from(first);
      const high = Array.from(last);
      let same = 0;
      while (same < low.length && low[same] === high[same]) same++;
      const prefix = low.slice(0, same).join('');
      const [a, b] = [low[same] ?? '', high[same] ?? ''];
      // both from elsewhere: by their codes
      if (a > '~' && b > '~') {
        const [from, to] = [a.codePointAt(0) as number, b.codePointAt(0) as number];
        const code = from + Math.round((to - from) * part);
        if (to - from > 1 && code > from && code < to && (code < 0xd800 || code > 0xdfff))
          return `${prefix}${String.fromCodePoint(code)}`;
      }
      const found = betweenDigits(low.slice(same).map(digit), high.slice(same).map(digit), base, part);
      if (found === null) return null;
      // after the end of a text nothing comes
      const ended = found.indexOf(0);
      const text = found
        .slice(0, ended < 0 ? found.length : ended)
        .map((place) => alphabet[place - 1] ?? elsewhere);
      const middle = `${prefix}${text.join('')}`;
      return middle === first ? null : middle;
    },
  };
}
