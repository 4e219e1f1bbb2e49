import { describe, expect, it } from 'vitest';
import { problemsIn } from '../../cli/incomplete.ts';
import { nextStepOf } from '../../core/errors.ts';

const tables = ['public.a', 'public.b', 'odd."x; y"', 'public.c'];

describe('problemsIn', () => {
  it('takes apart what Publish says, by the tables’ names', () => {
    const message =
      'run r of shop: 1 of 4 tables are published. Not complete: public.a: TableDenied: permission denied; see the log; odd."x; y": Runtime.ExitError: killed; public.c: not all of its chunks are done; and 3 more';
    expect(problemsIn(message, tables, nextStepOf)).toEqual([
      {
        table: 'public.a',
        code: 'TableDenied',
        message: 'permission denied; see the log',
        next: expect.stringContaining('GRANT SELECT'),
      },
      { table: 'odd."x; y"', code: 'Runtime.ExitError', message: 'killed', next: null },
      { table: 'public.c', code: null, message: 'not all of its chunks are done', next: null },
    ]);
  });

  it('finds nothing where nothing is said', () => {
    expect(problemsIn('', tables, nextStepOf)).toEqual([]);
    expect(problemsIn('SourceUnavailable: gone', tables, nextStepOf)).toEqual([]);
  });
});
