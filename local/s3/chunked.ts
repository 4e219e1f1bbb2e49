import { S3Fault } from './fault.ts';

/**
 * aws-chunked, the coding of a body whose checksum is only known at its end (or whose chunks are signed):
 *
 *     <hex size>[;chunk-signature=…]\r\n <bytes> \r\n  …  0[;…]\r\n [name:value\r\n]… \r\n
 *
 * Signatures are read over: the embedded S3 knows no secrets.
 */

/** Longer lines than this are not of a chunk's head or a trailer. */
const lineBytesMax = 16 * 1024;

/** The decoder waits for: a chunk's first line, its bytes, the line end behind them, the trailers' lines, the end. */
type Expecting = 'head' | 'data' | 'lineEnd' | 'trailer' | 'nothing';

/**
 * Yields the body's own bytes (views of what came in, not copies) and fills `trailers` (names in lower case).
 * @throws S3Fault IncompleteBody when the body ends early, InvalidRequest when it is not aws-chunked
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  let expecting: Expecting = 'head';
  let line = '';
  let left = 0;
  for await (const bytes of source) {
    let at = 0;
    while (at < bytes.length) {
      if (expecting === 'nothing') throw broken('bytes after the last chunk');
      if (expecting === 'data') {
        const end = Math.min(bytes.length, at + left);
        yield bytes.subarray(at, end);
        left -= end - at;
        at = end;
        if (left === 0) expecting = 'lineEnd';
        continue;
      }
      const newline = bytes.indexOf(10, at);
      const end = newline < 0 ? bytes.length : newline + 1;
      line += bytes.toString('latin1', at, end);
      at = end;
      if (line.length > lineBytesMax) throw broken('a line is too long');
      if (newline < 0) continue;
      if (!line.endsWith('\r\n')) throw broken('a line ends without a carriage return');
      const text = line.slice(0, -2);
      line = '';
      if (expecting === 'head') {
        left = chunkSize(text);
        expecting = left === 0 ? 'trailer' : 'data';
      } else if (expecting === 'lineEnd') {
        if (text !== '') throw broken('a chunk is longer than its size says');
        expecting = 'head';
      } else if (text === '') {
        expecting = 'nothing';
      } else {
        const colon = text.indexOf(':');
        if (colon < 1)
          throw new S3Fault(
            'MalformedTrailerError',
            'The request contained trailing data that was not well-formed.',
          );
        trailers.set(text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim());
      }
    }
  }
  // some clients leave out the empty line after the trailers
  if (expecting !== 'nothing' && !(expecting === 'trailer' && line === '')) {
    throw new S3Fault('IncompleteBody', 'The request body terminated unexpectedly');
  }
}

function chunkSize(head: string): number {
  const match = /^([0-9a-fA-F]{1,12})(?:;.*)?$/.exec(head);
  if (match === null) throw broken('a chunk does not begin with its size');
  return Number.parseInt(match[1]!, 16);
}

const broken = (what: string): S3Fault =>
  new S3Fault('InvalidRequest', `The body is not valid aws-chunked: ${what}.`);
