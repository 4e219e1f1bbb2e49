/** Errors as S3 words them: a code, an HTTP status, a message and, for some, further elements. */
const statusOf = {
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  EntityTooSmall: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedTrailerError: 400,
  MalformedXML: 400,
  MaxMessageLengthExceeded: 400,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  NotModified: 304,
  PreconditionFailed: 412,
  XAmzContentSHA256Mismatch: 400,
} as const;

export type FaultCode = keyof typeof statusOf;

export class S3Fault extends Error {
  readonly code: FaultCode;
  readonly status: number;
  /** elements of the error's XML beside Code and Message */
  readonly details: Readonly<Record<string, string>>;

  constructor(
    code: FaultCode,
    message: string,
    details: Readonly<Record<string, string>> = {},
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = code;
    this.code = code;
    this.status = details.Status === undefined ? statusOf[code] : Number(details.Status);
    this.details = details;
  }
}

export const noSuchKey = (key: string): S3Fault =>
  new S3Fault('NoSuchKey', 'The specified key does not exist.', { Key: key });

export const noSuchBucket = (bucket: string): S3Fault =>
  new S3Fault('NoSuchBucket', 'The specified bucket does not exist', { BucketName: bucket });

export const preconditionFailed = (condition: string): S3Fault =>
  new S3Fault('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    Condition: condition,
  });

/** Which errors of the file system mean that it takes no more bytes. */
const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * What a request is told when something else went wrong. A full disk is 507, which the SDK does not try again:
 * it will not pass by itself.
 */
export function faultOf(error: unknown, folder: string): S3Fault {
  if (error instanceof S3Fault) return error;
  const code = errnoOf(error);
  if (code !== undefined && full.has(code)) {
    const message = `The disk that holds ${folder} takes no more bytes (${code}). Nothing of this request was kept.`;
    return new S3Fault('InternalError', message, { Status: '507' }, error);
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new S3Fault('InternalError', `The embedded S3 failed: ${reason}`, {}, error);
}

/** The code of a file system's or socket's error (`ENOENT`), or undefined for any other. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
