import { describe, expect, it } from 'vitest';
import { main } from '../../cli/main.ts';
import { parse } from '../../cli/program.ts';
import { fakeSurroundings } from '../support/fake-surroundings.ts';

const read = (line: string) => parse(line.split(' '), 80, () => {});
const options = { config: null, home: '.tidemark', cloud: 'local', json: false };

describe('the command line', () => {
  it('takes options that hold for all before and after the command', () => {
    const expected = {
      wish: { command: 'run', fresh: true, count: false },
      options: { config: 'a.yaml', home: 'h', cloud: 'local', json: true },
    };
    expect(read('--config a.yaml --home h --json run --fresh')).toEqual(expected);
    expect(read('run --fresh --config a.yaml --home h --json')).toEqual(expected);
    expect(read('--json run --config=a.yaml --fresh --home h')).toEqual(expected);
  });

  it.each([
    ['check', { command: 'check' }],
    ['plan --chunks', { command: 'plan', chunks: true }],
    ['run', { command: 'run', fresh: false, count: false }],
    ['run --count', { command: 'run', fresh: false, count: true }],
    ['redrive', { command: 'redrive', run: null }],
    ['redrive r1', { command: 'redrive', run: 'r1' }],
    ['status', { command: 'status' }],
    ['runs', { command: 'runs', limit: 20 }],
    ['runs --limit 5', { command: 'runs', limit: 5 }],
    ['show r1', { command: 'show', run: 'r1' }],
    ['sql orders --engine duckdb', { command: 'sql', table: 'orders', engine: 'duckdb' }],
    ['sample', { command: 'sample', args: [] }],
    ['sample run --count --fresh', { command: 'sample', args: ['run', '--count', '--fresh'] }],
    ['sample show r1', { command: 'sample', args: ['show', 'r1'] }],
  ])('%s', (line, wish) => {
    expect(read(line)).toEqual({ wish, options });
  });

  it.each([
    ['rum', /unknown command 'rum'; did you mean run\?/],
    ['run --frsh', /unknown option '--frsh'; did you mean --fresh\?/],
    ['run --cloud moon', /Allowed choices are local, aws/],
    ['runs --limit x', /'x' is invalid. allowed: a whole number from 1 on/],
    ['runs --limit 0', /allowed: a whole number/],
    ['show', /missing required argument 'run'/],
    ['status now', /too many arguments/],
    ['check --config', /argument missing/],
  ])('refuses %s', (line, message) => {
    expect(() => read(line)).toThrowError(
      expect.objectContaining({ code: 'UsageWrong', message: expect.stringMatching(message) }),
    );
  });
});

describe('main', () => {
  async function called(...args: string[]) {
    const told = fakeSurroundings({});
    const exitCode = await main(args, told.surroundings);
    return { exitCode, stdout: told.stdout, stderr: told.stderr };
  }

  it('shows help: the usual sequence, exit codes, examples', async () => {
    const { exitCode, stdout, stderr } = await called('--help');
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /tidemark check[\s\S]*tidemark plan[\s\S]*tidemark run[\s\S]*tidemark status[\s\S]*tidemark redrive/,
    );
    expect(stdout).toMatch(
      /75 {2}busy: another execution works on the sync, or another process on the\n\s+folder of --home/,
    );
    expect(stdout).toMatch(/from any machine that\nhas the sync’s definition file/);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'deployed on AWS (its definition file is read here then, too)',
    );
    for (const command of ['check', 'plan', 'run', 'redrive', 'status', 'runs', 'show', 'sql', 'sample']) {
      const help = await called(command, '--help');
      expect(help.exitCode).toBe(0);
      expect(help.stdout.match(/^ {2}\$ npx tidemark /gm)!.length, command).toBeGreaterThanOrEqual(2);
      expect(help.stdout).toContain('--config');
      expect(help.stdout.split('\n').every((line) => line.length <= 100)).toBe(true);
    }
  });

  it('shows help, as a wrong use, where no command is given', async () => {
    const { exitCode, stdout, stderr } = await called();
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('Usage: tidemark');
  });

  it('prints its version', async () => {
    expect((await called('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('says what is wrong with the use, and exits with 2', async () => {
    expect(await called('rum')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: "✗ UsageWrong: unknown command 'rum'; did you mean run?\n  next: See `tidemark --help`.\n",
    });
  });

  it('prints errors as one document with --json, wherever it stands', async () => {
    for (const args of [
      ['rum', '--json'],
      ['--json', 'rum'],
    ]) {
      const { exitCode, stdout, stderr } = await called(...args);
      expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: '' });
      expect(JSON.parse(stdout)).toEqual({
        error: {
          code: 'UsageWrong',
          message: "unknown command 'rum'; did you mean run?",
          next: 'See `tidemark --help`.',
        },
      });
    }
  });

  it.each([
    ['sample --cloud aws', 'the sample database is of this machine'],
    ['--cloud aws sample run', 'the sample database is of this machine'],
    ['sample run --cloud aws', 'the sample database is of this machine'],
    ['run --count --cloud aws', 'count them with a query engine over S3'],
  ])('refuses what only the embedded cloud has: %s', async (line, message) => {
    const { exitCode, stderr } = await called(...line.split(' '));
    expect(exitCode).toBe(2);
    expect(stderr).toContain('UsageWrong');
    expect(stderr).toContain(message);
  });

  it('names the definition that is not there', async () => {
    const { exitCode, stderr } = await called('status', '--config', '/nowhere/x.yaml');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /DefinitionMissing: the definition \/nowhere\/x.yaml: there is no such file\n {2}next: /,
    );
  });

  it('shows what should not happen with its stack, without a password', async () => {
    const told = fakeSurroundings({});
    const surroundings = {
      ...told.surroundings,
      openCloud: () => Promise.reject(new Error('lost postgres://me:s3cret@h/db')),
    };
    const { definitionFile } = await import('../support/fake-surroundings.ts');
    expect(await main(['status', '--config', definitionFile()], surroundings)).toBe(1);
    expect(told.stderr).toMatch(/✗ Unexpected: Error: lost postgres:\/\/me:…@h\/db\n {4} {4}at /);
    expect(told.stderr).toContain('please report it');
    expect(told.stderr).not.toContain('s3cret');
  });
});
