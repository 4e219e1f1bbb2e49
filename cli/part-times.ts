import type { Part } from '../core/ledger/ledger.ts';

export type TimedPart = {
  readonly part: Part;
  /** from the beginning of its reading (at the latest known moment) to its end */
  readonly ms: number;
};

/**
 * How long each part took to be read: from the end of the part before, where the same attempt read that one, else
 * from the attempt's start. By the attempts' own clocks.
 *
 * @param parts of one chunk, in order
 */
export function timesOf(parts: readonly Part[]): TimedPart[] {
  return parts.map((part, index) => {
    const before = parts[index - 1];
    const from = before?.attempt.id === part.attempt.id ? before.readAt : part.attempt.startedAt;
    return { part, ms: Math.max(0, Date.parse(part.readAt) - Date.parse(from)) };
  });
}

/** Parts by their chunks, in order within each. */
export function byChunk(parts: readonly Part[]): Part[][] {
  const chunks = new Map<string, Part[]>();
  for (const part of parts) {
    const name = `${part.table}.${part.chunk}`;
    const found = chunks.get(name);
    if (found) found.push(part);
    else chunks.set(name, [part]);
  }
  return [...chunks.values()].map((chunk) => chunk.sort((a, b) => a.n - b.n));
}

/** Attempts that committed something, and how many of them were tries after the first one. */
export function attemptsOf(parts: readonly Part[]): { attempts: number; retries: number } {
  const attempts = new Map(parts.map(({ attempt }) => [attempt.id, attempt.retry]));
  return { attempts: attempts.size, retries: [...attempts.values()].filter((retry) => retry > 0).length };
}
