import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, errorCodes, nextStepOf } from '../../core/errors.ts';

const cli = fileURLToPath(new URL('../../cli', import.meta.url));
const sources = readdirSync(cli, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(cli, file), 'utf8'));

describe('the table of errors', () => {
  it('has every code that the command line shows', () => {
    const shown = sources.flatMap((text) =>
      [...text.matchAll(/\b(?:shown|refused|nextStepHere)\([^)']*'([A-Z]\w+)'/g)].map((match) => match[1]),
    );
    expect(new Set(shown)).toEqual(
      new Set([
        'Aborted',
        'CountsDiffer',
        'DefinitionChanged',
        'NotRedrivable',
        'RunIncomplete',
        'Skipped',
        'Stopped',
        'Unexpected',
      ]),
    );
    expect(errorCodes).toEqual(expect.arrayContaining([...new Set(shown)]));
    expect(errorCodes).not.toContain('RunSuperseded');
  });

  it('goes on with a redrive after a mend in the database, begins a new run after one in the definition', () => {
    const both: ErrorCode[] = ['TableMissing', 'KeyMissing', 'ValueNotRepresentable'];
    for (const code of both) {
      expect(nextStepOf(code), code).toMatch(
        /`tidemark redrive`.*`tidemark run` \(a new run\)|`tidemark run` \(a new run\).*`tidemark redrive`/,
      );
    }
    const definition: ErrorCode[] = ['KeyUnsupported', 'TableUnsupported'];
    for (const code of definition) {
      expect(nextStepOf(code), code).toMatch(/`tidemark run` \(a new run\)/);
      expect(nextStepOf(code), code).not.toContain('redrive');
    }
    const elsewhere: ErrorCode[] = [
      'TableDenied',
      'SourceRefused',
      'SourceFailed',
      'StoreDenied',
      'LedgerDenied',
    ];
    for (const code of elsewhere) expect(nextStepOf(code), code).toContain('`tidemark redrive`');
  });

  it('promises only what is done', () => {
    const transient = errorCodes.filter((code) => /(Unavailable|Timeout)$/.test(code));
    expect(transient).toHaveLength(4);
    // check and plan show them, too, and do not try again
    for (const code of transient) expect(nextStepOf(code), code).toContain('A run tries again by itself');
    expect(nextStepOf('SourceTimeout')).not.toContain('smaller');
    expect(nextStepOf('StoreDenied')).not.toContain('check');
    expect(nextStepOf('CloudBusy')).toContain('delete <home>/instance.json');
    expect(nextStepOf('RunIncomplete')).toMatch(/no table gets a new snapshot; `tidemark run --fresh`/);
  });
});
