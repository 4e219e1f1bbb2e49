/** The connections of one source. */
import { TidemarkError } from '../errors.ts';

export type PooledSession = {
  /** Not to be used again: lost, or left in the middle of a statement. */
  readonly spent: boolean;
  /** Ends it at once, whatever the server is doing. */
  destroy(): void;
  end(): Promise<void>;
};

export type SessionPool<Session> = {
  open(): Promise<Session>;
  /** One that rests, or a new one. */
  borrow(): Promise<Session>;
  /** null: the session is of no use any more */
  giveBack(session: Session | null): void;
  /** One after the other, each with a session; a failure of one is not the next one's. */
  inTurn<T>(ask: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

/** A question that is still not answered so long after `close` is given up. */
const closeMsMax = 2_000;

/** @param place where they lead, as far as it is known, for messages */
export function sessionPool<Session extends PooledSession>(
  open: () => Promise<Session>,
  place: () => string,
): SessionPool<Session> {
  const idle: Session[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  /** the session of whose turn it is */
  let asking: Session | null = null;
  let closed = false;
  let givenUp = false;

  const borrow = async (): Promise<Session> => {
    for (let session = idle.pop(); session !== undefined; session = idle.pop())
      if (!session.spent) return session;
    return open();
  };
  const giveBack = (session: Session | null): void => {
    if (session === null || session.spent) return;
    // one is enough for what follows
    if (closed || idle.length > 0) void session.end();
    else idle.push(session);
  };
  return {
    ...{ open, borrow, giveBack },
    inTurn(ask) {
      const answer = turn.then(async () => {
        if (givenUp) throw new TidemarkError('SourceUnavailable', `${place()}: the source is closed`);
        const session = await borrow();
        asking = session;
        try {
          return await ask(session);
        } finally {
          asking = null;
          giveBack(session);
        }
      });
      turn = answer.catch(() => {});
      return answer;
    },
    async close() {
      closed = true;
      const late = setTimeout(() => {
        givenUp = true;
        asking?.destroy();
      }, closeMsMax);
      await turn;
      clearTimeout(late);
      await Promise.all(idle.splice(0).map((session) => session.end()));
    },
  };
}
