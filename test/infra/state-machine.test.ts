import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes, kindOf } from '../../core/errors.ts';
import {
  type AslDefinition,
  fillIn,
  type StateMachineSettings,
  stateMachineDefinition,
} from '../../infra/state-machine.ts';

// asl-validator comes without types
const validate = createRequire(import.meta.url)('asl-validator') as (definition: AslDefinition) => {
  isValid: boolean;
  errorsText(): string;
};

const settings: StateMachineSettings = {
  planFunction: 'shop-plan',
  copyChunkFunction: 'shop-copy-chunk',
  publishFunction: 'shop-publish',
  retry: { kind: 'exponential', intervalSeconds: 2, maxAttempts: 5, maxDelaySeconds: 60 },
  maxConcurrency: 40,
  taskTimeoutSeconds: 960,
};

type State = {
  Type: string;
  Arguments?: { FunctionName: string };
  TimeoutSeconds?: number;
  Retry?: { ErrorEquals: string[]; [field: string]: unknown }[];
  Catch?: unknown;
  MaxConcurrency?: number;
  ItemProcessor?: { States: Record<string, State> };
};

function statesOf(definition: AslDefinition): Record<string, State> {
  const { States } = structuredClone(definition) as unknown as { States: Record<string, State> };
  return { ...States, ...States.CopyChunks?.ItemProcessor?.States };
}

function retriers(retry: Partial<StateMachineSettings['retry']>) {
  const definition = stateMachineDefinition({ ...settings, retry: { ...settings.retry, ...retry } });
  return ['Plan', 'CopyChunk', 'Publish'].map((name) => statesOf(definition)[name]?.Retry?.[0]);
}

describe('the state machine', () => {
  it('passes asl-validator once it is filled in, with each kind of retry', () => {
    for (const kind of ['exponential', 'fixed', 'none'] as const) {
      const definition = stateMachineDefinition({ ...settings, retry: { ...settings.retry, kind } });
      // the validator writes into what it is given
      const result = validate(structuredClone(definition));
      expect(result.errorsText()).toBe('');
      expect(result.isValid).toBe(true);
    }
  });

  it('retries exactly the transient errors of ours, in each task, and nothing that a person must mend', () => {
    const transient = errorCodes.filter((code) => kindOf(code) === 'transient').sort();
    for (const retrier of retriers({})) {
      const ours = retrier?.ErrorEquals.filter((name) => !name.includes('.')).sort();
      expect(ours).toEqual(transient);
      for (const name of ['Sandbox.Timedout', 'Runtime.ExitError', 'Runtime.OutOfMemory', 'States.Timeout']) {
        expect(retrier?.ErrorEquals).toContain(name);
      }
    }
  });

  it('has no Catch, no Fail, and a Retry in its tasks only', () => {
    for (const [name, state] of Object.entries(statesOf(stateMachineDefinition(settings)))) {
      expect(state.Type).not.toBe('Fail');
      expect(state.Catch, name).toBeUndefined();
      expect(state.Retry !== undefined, name).toBe(state.Type === 'Task');
    }
  });

  it('is filled in with numbers as numbers', () => {
    const states = statesOf(stateMachineDefinition(settings));
    expect(states.CopyChunks?.MaxConcurrency).toBe(40);
    expect(states.CopyChunk?.Arguments?.FunctionName).toBe('shop-copy-chunk');
    expect(states.Publish?.TimeoutSeconds).toBe(960);
    expect(retriers({})[0]).toMatchObject({
      IntervalSeconds: 2,
      MaxAttempts: 5,
      BackoffRate: 2,
      MaxDelaySeconds: 60,
      JitterStrategy: 'FULL',
    });
    expect(retriers({ kind: 'fixed', intervalSeconds: 90 })[1]).toMatchObject({
      IntervalSeconds: 90,
      MaxAttempts: 5,
      BackoffRate: 1,
      MaxDelaySeconds: 91,
      JitterStrategy: 'NONE',
    });
    expect(retriers({ kind: 'none', intervalSeconds: 0 })[2]).toMatchObject({ MaxAttempts: 0 });
  });

  it('calls the integrations of its partition, which is a token where the stack may go anywhere', () => {
    const resourcesOf = (partition?: string) =>
      [
        ...JSON.stringify(stateMachineDefinition({ ...settings, ...(partition && { partition }) })).matchAll(
          /"Resource":"([^"]+)"/g,
        ),
      ].map(([, arn]) => arn);
    const laptop = resourcesOf();
    expect(new Set(laptop)).toEqual(
      new Set(['lambda:invoke', 's3:getObject', 's3:putObject'].map((call) => `arn:aws:states:::${call}`)),
    );
    for (const partition of ['aws-cn', '$' + '{Token[AWS.Partition.3]}']) {
      expect(resourcesOf(partition)).toEqual(laptop.map((arn) => arn!.replace(':aws:', `:${partition}:`)));
    }
  });

  it('keeps deploy-time tokens in names as they are', () => {
    const token = '$' + '{Token[TOKEN.42]}';
    const definition = stateMachineDefinition({ ...settings, planFunction: token });
    expect(statesOf(definition).Plan?.Arguments?.FunctionName).toBe(token);
  });

  it('refuses numbers that Step Functions would refuse', () => {
    expect(() => stateMachineDefinition({ ...settings, maxConcurrency: -1 })).toThrow(RangeError);
    expect(() => stateMachineDefinition({ ...settings, taskTimeoutSeconds: 1.5 })).toThrow(
      'taskTimeoutSeconds is 1.5',
    );
    expect(() => retriers({ intervalSeconds: 0 })).toThrow('intervalSeconds is 0');
  });

  it('refuses a placeholder that is left over, one inside a text, and a value that nothing takes', () => {
    const placeholder = (name: string) => `\${${name}}`;
    const values = new Map([['A', 1]]);
    expect(fillIn({ a: [placeholder('A')] }, values)).toEqual({ a: [1] });
    expect(() => fillIn({ a: placeholder('A'), b: { c: placeholder('B') } }, values)).toThrow('$.b.c');
    expect(() => fillIn({ a: `x${placeholder('A')}` }, values)).toThrow('$.a');
    expect(() => fillIn({ a: 1 }, values)).toThrow('no placeholder for A');
  });

  it('loads under tsx, as the CDK app does, wherever that is started', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-asl-'));
    try {
      const source = resolve('infra/state-machine.ts');
      const program = `import { stateMachineDefinition } from ${JSON.stringify(source)};
        console.log(JSON.stringify(stateMachineDefinition(${JSON.stringify(settings)})));`;
      writeFileSync(join(folder, 'app.ts'), program);
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
      const tsx = import.meta.resolve('tsx');
      const printed = execFileSync(process.execPath, ['--import', tsx, join(folder, 'app.ts')], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect(printed.trim()).toBe(JSON.stringify(stateMachineDefinition(settings)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
