import { describe, expect, it } from 'vitest';
import { bytes, count, counted, duration, percent, wholeDuration } from '../../cli/quantities.ts';

describe('numbers as people read them', () => {
  it('groups digits by threes', () => {
    expect([0, 7, 999, 1000, 1_234_567, 1e12].map(count)).toEqual([
      '0',
      '7',
      '999',
      '1,000',
      '1,234,567',
      '1,000,000,000,000',
    ]);
  });

  it('counts things', () => {
    expect(counted(1, 'part')).toBe('1 part');
    expect(counted(0, 'part')).toBe('0 parts');
    expect(counted(1204, 'retry', 'retries')).toBe('1,204 retries');
  });

  it('gives sizes three digits, and never a unit too small', () => {
    expect(
      [0, 812, 999, 1000, 12_345, 12_345_678, 139_999_999_999, 999_499, 999_600, 1e18].map(bytes),
    ).toEqual([
      '0 B',
      '812 B',
      '999 B',
      '1.00 kB',
      '12.3 kB',
      '12.3 MB',
      '140 GB',
      '999 kB',
      '1.00 MB',
      '1000 PB',
    ]);
  });

  it('gives durations two units, and rounds before it splits', () => {
    expect(
      [0, 440, 9_940, 9_960, 59_499, 59_600, 125_000, 3_599_600, 11_220_000, 187_200_000].map(duration),
    ).toEqual([
      '0.0 s',
      '0.4 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1 m 00 s',
      '2 m 05 s',
      '1 h 00 m',
      '3 h 07 m',
      '2 d 04 h',
    ]);
    expect(wholeDuration(440)).toBe('0 s');
  });

  it('says 0 % only of nothing and 100 % only of all', () => {
    expect([0, 0.0001, 0.414, 0.9999, 1, 1.2].map(percent)).toEqual([
      '0 %',
      '1 %',
      '41 %',
      '99 %',
      '100 %',
      '100 %',
    ]);
  });
});
