import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  numericText,
  numericTextBytes,
  unscaledBig,
  unscaledNumber,
} from '../../../../core/sources/postgres/numeric.ts';

/** What PostgreSQL sends for value × 10^-scale: its digits in base 10,000, without zeros at either end. */
function wire(value: bigint, scale: number): DataView {
  const shift = (4 - (scale % 4)) % 4;
  let rest = (value < 0n ? -value : value) * 10n ** BigInt(shift);
  const digits: number[] = [];
  for (; rest > 0n; rest /= 10_000n) digits.unshift(Number(rest % 10_000n));
  const weight = digits.length - (scale + shift) / 4 - 1;
  while (digits.at(-1) === 0) digits.pop();
  const view = new DataView(new ArrayBuffer(8 + 2 * digits.length));
  view.setInt16(0, digits.length);
  view.setInt16(2, digits.length === 0 ? 0 : weight);
  view.setUint16(4, value < 0n ? 0x4000 : 0);
  view.setInt16(6, scale);
  for (const [i, digit] of digits.entries()) view.setInt16(8 + 2 * i, digit);
  return view;
}

const decimals = fc.integer({ min: 0, max: 30 });
const values = fc.oneof(
  fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }),
  fc.bigInt({ min: -20_000n, max: 20_000n }),
  fc
    .tuple(fc.bigInt({ min: -999n, max: 999n }), fc.nat(35))
    .map(([digits, zeros]) => digits * 10n ** BigInt(zeros)),
  fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
);

test('property: unscaled integers are exact, as a double or as a BigInt', () => {
  fc.assert(
    fc.property(values, decimals, (value, scale) => {
      const view = wire(value, scale);
      expect(unscaledBig(view, 0, scale)).toBe(value);
      const double = unscaledNumber(view, 0, scale);
      const fits = value >= -(2n ** 53n) + 1n && value <= 2n ** 53n - 1n;
      if (fits) expect(BigInt(double)).toBe(value);
      else expect(double).toBeNaN();
    }),
    { numRuns: 3_000 },
  );
});

test('property: a scale that is too small for the value is never rounded', () => {
  fc.assert(
    fc.property(
      values,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      (value, scale, less) => {
        const view = wire(value, scale);
        const smaller = Math.max(0, scale - less);
        const cut = 10n ** BigInt(scale - smaller);
        const exact = value % cut === 0n ? value / cut : null;
        expect(unscaledBig(view, 0, smaller)).toBe(exact);
        const double = unscaledNumber(view, 0, smaller);
        if (!Number.isNaN(double)) expect(BigInt(double)).toBe(exact);
        else if (exact !== null) expect(exact > 2n ** 53n - 1n || exact < -(2n ** 53n) + 1n).toBe(true);
      },
    ),
    { numRuns: 3_000 },
  );
});

test('property: the text is the number with its scale', () => {
  fc.assert(
    fc.property(values, decimals, (value, scale) => {
      const view = wire(value, scale);
      const text = Buffer.alloc(numericTextBytes(view, 0));
      const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
      const point = digits.length - scale;
      const expected = `${value < 0n ? '-' : ''}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ''}`;
      expect(text.toString('latin1', 0, numericText(view, 0, text, 0))).toBe(expected);
    }),
    { numRuns: 3_000 },
  );
});
