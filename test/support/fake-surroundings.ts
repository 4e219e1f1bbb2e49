/** The command line's surroundings, as a test wants them: what was printed, a clock that runs with the sleeps. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cloud } from '../../cli/cloud.ts';
import type { CloudRequest, Surroundings } from '../../cli/surroundings.ts';
import type { Source } from '../../core/sources/source.ts';
import { scratchFolder } from './scratch-folder.ts';

export type Told = {
  stdout: string;
  stderr: string;
  exits: number[];
  clouds: CloudRequest[];
  /** what startSample and its stop were asked, in order */
  sample: string[];
  /** presses Ctrl-C */
  interrupt: () => void;
  surroundings: Surroundings;
};

export const startMs = Date.parse('2026-11-20T07:00:10Z');

export function fakeSurroundings(options: {
  cloud?: Cloud;
  source?: Source;
  environment?: Record<string, string>;
  onSleep?: (told: Told) => void;
}): Told {
  let nowMs = startMs;
  const handlers: (() => void)[] = [];
  const told: Told = {
    stdout: '',
    stderr: '',
    exits: [],
    clouds: [],
    sample: [],
    interrupt: () => handlers.at(-1)?.(),
    surroundings: {
      environment: options.environment ?? { DATABASE_URL: 'postgres://me:s3cret@127.0.0.1:1/db' },
      stdout: {
        write: (text) => {
          told.stdout += text;
        },
      },
      stderr: {
        write: (text) => {
          told.stderr += text;
        },
      },
      nowMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
        options.onSleep?.(told);
        await new Promise((resolve) => setImmediate(resolve));
      },
      onStopSignal: (handler) => {
        handlers.push(handler);
        return () => {
          const at = handlers.lastIndexOf(handler);
          if (at >= 0) handlers.splice(at, 1);
        };
      },
      exitNow: (code) => {
        told.exits.push(code);
      },
      openCloud: async (request) => {
        told.clouds.push(request);
        if (!options.cloud) throw new Error('this test has no cloud');
        return options.cloud;
      },
      openSource: async () => {
        if (!options.source) throw new Error('this test has no source');
        return options.source;
      },
      startSample: async ({ home }) => {
        told.sample.push(`start ${home}`);
        return {
          url: 'postgres://sample@127.0.0.1:2/db',
          stop: async () => {
            told.sample.push('stop');
          },
        };
      },
    },
  };
  return told;
}

export const shopDefinition = `name: shop
source: { type: postgres, url: "\${DATABASE_URL}" }
tables: [public.orders, public.items]
target: { url: s3://lake/shop }
`;

/** A definition in a folder of its own, which goes with the test; gives its path. */
export function definitionFile(text?: string): string {
  const file = join(scratchFolder(), 'shop.yaml');
  writeFileSync(file, text ?? shopDefinition);
  return file;
}
