/** What the embedded Lambda and the process of a sandbox say to each other, over Node's IPC channel. */

/** An error as Lambda's runtime reports it; JSON of it is the cause that Step Functions shows. */
export type RuntimeError = {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
};

export type ToSandbox =
  | {
      readonly kind: 'invoke';
      readonly requestId: string;
      /** JSON */
      readonly payload: string;
      /** milliseconds since 1970; what getRemainingTimeInMillis counts down to */
      readonly deadline: number;
      readonly functionArn: string;
      readonly memoryMB: number;
    }
  /** from now on no time is left, for this invocation and all that follow */
  | { readonly kind: 'wind-down' };

export type FromSandbox =
  /** the module is loaded and has a handler */
  | { readonly kind: 'ready' }
  /** it cannot be used at all; the sandbox ends */
  | { readonly kind: 'init-failed'; readonly error: RuntimeError }
  | { readonly kind: 'returned'; readonly requestId: string /** JSON */; readonly payload: string }
  /** `fatal`: the sandbox ends, too */
  | {
      readonly kind: 'failed';
      readonly requestId: string;
      readonly error: RuntimeError;
      readonly fatal: boolean;
    };

/** Lambda's limit for a synchronous invocation's payload, in bytes of JSON … */
export const requestBytesMax = 6 * 1024 * 1024;
/** … and for what it answers. */
export const responseBytesMax = requestBytesMax + 100;
