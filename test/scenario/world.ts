import type { S3Client } from '@aws-sdk/client-s3';
import type { SFNClient } from '@aws-sdk/client-sfn';

/**
 * Where the scenario plays: a sync that is deployed, and its surroundings. Everything that AWS's own APIs offer is done
 * by them, the same in each world; here stands only what differs.
 */
export type World = {
  readonly sync: string;
  readonly definitionFile: string;
  /** of commands that work on it: endpoints, credentials, region, what the definition refers to */
  readonly environment: Readonly<Record<string, string>>;
  readonly sfn: SFNClient;
  readonly s3: S3Client;
  readonly target: { readonly bucket: string; readonly prefix: string };
  /** of a user who may make a schema and its tables */
  readonly sourceUrl: string;
  /** whether the database writes its rows into a file of this machine, or sends them */
  readonly sourceWrites: 'files' | 'answers';
  /** how long anything may take that the scenario waits for */
  readonly patienceMs: number;
  /** between two looks at what the scenario waits for */
  readonly pollMs: number;
  /**
   * While `work` goes on, sandboxes die by SIGKILL: by themselves, each after a moment of life, or all that are there
   * whenever `strike` is called, which does nothing in the first case.
   */
  whileSandboxesDie<T>(work: (strike: () => Promise<void>) => Promise<T>): Promise<T>;
  /** Lets the schedule fire. @returns the ARN of the execution that it started */
  fireSchedule(): Promise<string>;
  /** The texts that have reached whoever is told of failures, up to now. */
  notices(): Promise<readonly string[]>;
  close(): Promise<void>;
};
