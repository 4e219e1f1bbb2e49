/** A state could not be completed: the error's name, on which retriers match, and what is known of its cause. */
export class StateFailed extends Error {
  readonly error: string;
  readonly reason: string | null;

  constructor(error: string, reason: string | null) {
    super(`${error}: ${reason ?? 'no cause given'}`);
    this.name = 'StateFailed';
    this.error = error;
    this.reason = reason;
  }
}

/** What an error means to an execution: whatever is not known here is Step Functions' own `States.Runtime`. */
export function failureOf(error: unknown): StateFailed {
  if (error instanceof StateFailed) return error;
  return new StateFailed('States.Runtime', error instanceof Error ? error.message : String(error));
}

/** As the details of an event have it. */
export const detailsOf = ({
  error,
  reason,
}: StateFailed): { readonly error: string; readonly cause?: string } =>
  reason === null ? { error } : { error, cause: reason };

/** Somebody ended the execution: its code unwinds without a further word in the history. */
export class Halted extends Error {
  constructor() {
    super('the execution was halted');
    this.name = 'Halted';
  }
}

/** An answer of AWS's API that is an error: its code goes into `__type`. */
export class ApiError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
  }
}

/** Waits for `promise`, but no longer than until `halt` is aborted: then rejects with `Halted`. */
export function unlessHalted<T>(promise: Promise<T>, halt: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Halted());
    halt.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => halt.removeEventListener('abort', stop));
    if (halt.aborted) stop();
  });
}

const stateDataBytesMax = 256 * 1024;

/** @throws StateFailed States.DataLimitExceeded above 256 KiB of UTF-8, as Step Functions has it */
export function withinDataLimit(json: string, what: string): string {
  // a UTF-16 unit takes at most 3 bytes: most texts need no counting
  if (json.length * 3 <= stateDataBytesMax || Buffer.byteLength(json) <= stateDataBytesMax) return json;
  throw new StateFailed(
    'States.DataLimitExceeded',
    `${what} has a size exceeding the maximum number of bytes service limit.`,
  );
}
