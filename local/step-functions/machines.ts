import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TidemarkError } from '../../core/errors.ts';

/** A state machine: its present definition. An execution keeps the one that it was started with. */
export type Machine = {
  readonly format: 1;
  readonly name: string;
  readonly roleArn: string;
  readonly definition: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly revisionId: string;
};

/** The state machines in a folder, a file each. What `put` has returned from survives a `kill -9`. */
export type Machines = {
  get(name: string): Machine | undefined;
  all(): readonly Machine[];
  put(machine: Pick<Machine, 'name' | 'roleArn' | 'definition'>): Machine;
  remove(name: string): void;
};

export function openMachines(folder: string): Machines {
  mkdirSync(folder, { recursive: true });
  const machines = new Map<string, Machine>();
  for (const file of readdirSync(folder)) {
    // what a killed process left half-written has another ending
    if (!file.endsWith('.json')) continue;
    const machine = readMachine(join(folder, file));
    machines.set(machine.name, machine);
  }
  return {
    get: (name) => machines.get(name),
    all: () => [...machines.values()],
    put({ name, roleArn, definition }) {
      const nowMs = Date.now();
      const createdMs = machines.get(name)?.createdMs ?? nowMs;
      const own = { createdMs, updatedMs: nowMs, revisionId: randomUUID() };
      const machine: Machine = { format: 1, name, roleArn, definition, ...own };
      const file = join(folder, `${name}.json`);
      writeFileSync(`${file}.part`, JSON.stringify(machine));
      renameSync(`${file}.part`, file);
      machines.set(name, machine);
      return machine;
    },
    remove(name) {
      rmSync(join(folder, `${name}.json`), { force: true });
      machines.delete(name);
    },
  };
}

function readMachine(file: string): Machine {
  const machine = JSON.parse(readFileSync(file, 'utf8')) as Machine;
  if (machine.format === 1) return machine;
  throw new TidemarkError(
    'FormatTooNew',
    `${file} has format ${machine.format}; this version reads format 1.`,
  );
}
