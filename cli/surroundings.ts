import type { Definition } from '../core/definition/options.ts';
import { sourceUrl } from '../core/definition/source-url.ts';
import type { Source } from '../core/sources/source.ts';
import type { Cloud } from './cloud.ts';
import { onStopSignal } from './stop-signals.ts';
import type { Environment, Stream } from './terminal.ts';

export type CloudRequest = {
  readonly where: 'local' | 'aws';
  /** of the embedded cloud */
  readonly home: string;
  readonly definition: Definition;
  readonly definitionFile: string;
  /** of the embedded cloud: run: all of it; look: what is stored, or the cloud of the process that runs it */
  readonly mode: 'run' | 'look';
  readonly environment: Environment;
};

export type RunningSample = { readonly url: string; stop(): Promise<void> };

/** Everything that the command line gets from outside. Tests put their own in its place. */
export type Surroundings = {
  readonly environment: Environment;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Calls `handler` on Ctrl-C and SIGTERM, only the newest handler; gives back what takes it away again. */
  readonly onStopSignal: (handler: () => void) => () => void;
  /** Ends the process at once. */
  readonly exitNow: (code: number) => void;
  /** @throws TidemarkError CloudBusy, CloudBroken; CloudDenied */
  readonly openCloud: (request: CloudRequest) => Promise<Cloud>;
  readonly openSource: (definition: Definition) => Promise<Source>;
  readonly startSample: (options: { home: string; log: (line: string) => void }) => Promise<RunningSample>;
};

/** The process, the machine's clock, the real parts; each loaded when it is first needed, so that help is quick. */
export const realSurroundings = (): Surroundings => ({
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  nowMs: Date.now,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  onStopSignal,
  exitNow: (code) => process.exit(code),
  openCloud: async (request) =>
    request.where === 'aws'
      ? (await import('./aws-cloud.ts')).openAwsCloud(request)
      : (await import('./local-cloud.ts')).openLocalCloud(request),
  openSource: async (definition) => {
    const { openSource } = await import('../core/sources/open-source.ts');
    return openSource({ type: definition.source.type, url: sourceUrl(definition) });
  },
  startSample: async (options) => (await import('../local/sample.ts')).startSample(options),
});
