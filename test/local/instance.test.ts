import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Claim, claimHome } from '../../local/instance.ts';

const endpoints = { s3: 'http://127.0.0.1:1', dynamodb: 'http://127.0.0.1:2', sfn: 'http://127.0.0.1:3' };
let home: string;
const claimed = async (sync: string | null): Promise<Claim> => (await claimHome(home, sync)) as Claim;
const file = () => join(home, 'instance.json');

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tidemark-instance-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('a home folder', () => {
  test('has one process; others get its addresses once it has announced them', async () => {
    const claim = await claimed('shop');
    claim.announce(endpoints);
    expect(await claimHome(home, 'shop')).toEqual(endpoints);
    expect(await claimHome(home, null)).toEqual(endpoints);
    claim.release();
    expect(existsSync(file())).toBe(false);
    (await claimed('shop')).release();
  });

  test('runs the functions of one sync: another one is refused, with the pid', async () => {
    const claim = await claimed('shop');
    claim.announce(endpoints);
    await expect(claimHome(home, 'other')).rejects.toMatchObject({
      code: 'CloudBusy',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    claim.release();
  });

  test('is made if it is not there', async () => {
    const claim = (await claimHome(join(home, 'a', 'b'), 'shop')) as Claim;
    expect(existsSync(join(home, 'a', 'b', 'instance.json'))).toBe(true);
    claim.release();
  });

  test('whose process has died is taken over', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => dead.on('exit', resolve));
    writeFileSync(file(), JSON.stringify({ pid: dead.pid, began: null, sync: 'shop', endpoints }));
    const claim = await claimed('shop');
    expect(JSON.parse(readFileSync(file(), 'utf8')).pid).toBe(process.pid);
    claim.release();
  });

  test.runIf(process.platform === 'linux')('whose pid is another process by now is taken over', async () => {
    writeFileSync(file(), JSON.stringify({ pid: process.pid, began: '1', sync: 'shop', endpoints }));
    (await claimed('shop')).release();
  });

  test('whose note is half written by a dead process is taken over', async () => {
    writeFileSync(file(), '{"pid": 12');
    (await claimed('shop')).release();
  });

  test('that is waited for: who only looks is soon gone', async () => {
    const first = await claimed('shop');
    const second = claimHome(home, 'shop');
    setTimeout(() => first.release(), 300);
    ((await second) as Claim).release();
  });

  test.runIf(process.platform === 'linux')('where no folder can be made is refused at once', async () => {
    await expect(claimHome('/proc/tidemark', 'shop')).rejects.toMatchObject({ code: 'CloudBroken' });
  });

  test('that is a file is refused, with its path', async () => {
    writeFileSync(join(home, 'file'), '');
    await expect(claimHome(join(home, 'file'), 'shop')).rejects.toMatchObject({
      code: 'CloudBroken',
      message: expect.stringContaining(join(home, 'file')),
    });
  });
});

test.runIf(process.platform === 'linux')(
  'a process that was killed, and that nobody has taken note of, is dead',
  async () => {
    // the parent sleeps and does not reap its child: a zombie
    const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const child = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
    const state = () => readFileSync(`/proc/${child}/stat`, 'utf8').split(' ')[2];
    while (state() !== 'Z') await new Promise((resolve) => setTimeout(resolve, 10));
    writeFileSync(file(), JSON.stringify({ pid: child, began: null, sync: 'shop', endpoints }));
    (await claimed('shop')).release();
    parent.kill('SIGKILL');
  },
);
