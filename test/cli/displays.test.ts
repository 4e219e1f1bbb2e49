import { describe, expect, it } from 'vitest';
import { liveDisplay } from '../../cli/live-display.ts';
import { coloured, paintFor, plain } from '../../cli/paint.ts';
import { plainDisplay } from '../../cli/plain-display.ts';
import { progressOf } from '../../cli/progress.ts';
import type { View } from '../../cli/progress-lines.ts';
import { onStopSignal } from '../../cli/stop-signals.ts';
import { partItem, planOf, published } from '../support/fake-cloud.ts';

const run = 'r1';
const viewAt = (elapsedMs: number, rows: number, isPublished = false): View => ({
  sync: 'shop',
  phase: 'copying',
  elapsedMs,
  failure: null,
  progress: progressOf(
    {
      run,
      tables: ['public.orders'],
      plans: [planOf('public', 'orders', [1000])],
      heads: isPublished ? [published('public.orders', run, rows)] : [],
      parts: [partItem({ run, table: 0, chunk: 0, n: 0, rows, last: rows === 1000 })],
      activity: null,
    },
    () => true,
    0,
  ),
});

describe('the display of a pipe', () => {
  it('says a line every five seconds, and each table’s end once', () => {
    let nowMs = 0;
    let text = '';
    const display = plainDisplay(
      {
        write: (piece) => {
          text += piece;
        },
      },
      () => nowMs,
    );
    for (; nowMs <= 12_000; nowMs += 250) display.show(viewAt(nowMs, nowMs < 11_000 ? 400 : 1000));
    display.show(viewAt(nowMs, 1000, true));
    display.show(viewAt(nowMs, 1000, true));
    expect(text.split('\n')).toEqual([
      '0 s  copying: 400 rows of about 1,000 (40 %), 4.00 kB, 1 part, 0 chunks running',
      '5 s  copying: 400 rows of about 1,000 (40 %), 4.00 kB, 1 part, 0 chunks running',
      '10 s  copying: 400 rows of about 1,000 (40 %), 4.00 kB, 1 part, 0 chunks running',
      'public.orders: copied, 1,000 rows, 10.0 kB, 1 part',
      'public.orders: published',
      '',
    ]);
  });

  it('says a failure in words, once', () => {
    let text = '';
    const display = plainDisplay(
      {
        write: (piece) => {
          text += piece;
        },
      },
      () => 0,
    );
    const failure = { retried: true, table: 'public.orders', message: 'SourceUnavailable: gone\u001b[2J' };
    display.show({ ...viewAt(0, 400), failure });
    display.show({ ...viewAt(0, 400), failure });
    expect(text.match(/retrying public.orders: SourceUnavailable: gone\\u001b\[2J\n/g)).toHaveLength(1);
  });
});

describe('the display of a terminal', () => {
  function terminal() {
    const stream = {
      isTTY: true,
      columns: 80,
      rows: 24,
      text: '',
      write: (piece: string) => {
        stream.text += piece;
        return true;
      },
    };
    return stream;
  }

  it('redraws at most five times a second', () => {
    let nowMs = 0;
    let draws = 0;
    const stream = terminal();
    const display = liveDisplay(stream, {}, () => nowMs);
    for (; nowMs < 2000; nowMs += 10) {
      const before = stream.text.length;
      display.show(viewAt(nowMs * 1000, 400));
      if (stream.text.length > before) draws++;
    }
    display.close(true);
    expect(draws).toBeLessThanOrEqual(10);
    expect(draws).toBeGreaterThan(5);
  });

  it('keeps notes above what it redraws', () => {
    const stream = terminal();
    const display = liveDisplay(stream, {}, () => 0);
    display.show(viewAt(0, 400));
    display.note('a line that stays');
    display.close(false);
    display.close(false);
    expect(stream.text).toContain('a line that stays\n');
    expect(stream.text.lastIndexOf('public.orders')).toBeGreaterThan(
      stream.text.indexOf('a line that stays'),
    );
  });
});

describe('colour', () => {
  it('is for terminals whose users want it', () => {
    expect(paintFor({ isTTY: true }, {})).toBe(coloured);
    expect(paintFor({ isTTY: true }, { NO_COLOR: '1' })).toBe(plain);
    expect(paintFor({ isTTY: true }, { TERM: 'dumb' })).toBe(plain);
    expect(paintFor({}, {})).toBe(plain);
  });
});

describe('onStopSignal', () => {
  it('calls the newest handler only, and leaves the process as it was', () => {
    const before = process.listenerCount('SIGTERM');
    const called: string[] = [];
    const forgetOuter = onStopSignal(() => called.push('outer'));
    const forgetInner = onStopSignal(() => called.push('inner'));
    process.emit('SIGTERM');
    forgetInner();
    process.emit('SIGINT');
    forgetOuter();
    forgetOuter();
    expect(called).toEqual(['inner', 'outer']);
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });
});
