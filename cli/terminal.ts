import { type Paint, paintFor } from './paint.ts';

/** A stream that people or programs read. */
export type Stream = {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the lines for a stream may look like. */
export type Style = {
  readonly paint: Paint;
  /** cells; of a pipe: as many as a line needs */
  readonly width: number;
};

export const styleFor = (stream: Stream, environment: Environment): Style => ({
  paint: paintFor(stream, environment),
  width: stream.isTTY ? Math.max(20, stream.columns || 80) : Number.POSITIVE_INFINITY,
});

/** Whether lines on this stream can be drawn over. */
export const isLive = (stream: Stream, environment: Environment): boolean =>
  stream.isTTY === true && environment.TERM !== 'dumb';
