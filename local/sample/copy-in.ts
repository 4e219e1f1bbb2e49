/** COPY … FROM STDIN over a connection of `pg`, which leaves the sending of data to its callers. */
import type { Socket } from 'node:net';
import type { Client, Connection, Submittable } from 'pg';

type CopyConnection = Connection & {
  sendCopyFromChunk(data: Uint8Array): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
};

type CopyQuery = Submittable & {
  handleCopyInResponse(connection: CopyConnection): void;
  handleError(error: Error): void;
  handleCommandComplete(message: { text: string }): void;
  handleReadyForQuery(): void;
};

/**
 * Sends `data` to a `COPY … FROM STDIN` statement, as fast as the server takes it, and gives the number of rows.
 * Rejects with the server's error or the data's own; the connection can be used on after either.
 */
export function copyIn(client: Client, statement: string, data: AsyncIterable<Uint8Array>): Promise<number> {
  return new Promise((resolve, reject) => {
    let rows = 0;
    let refused = false;
    let dataError: unknown;
    const query: CopyQuery = {
      submit: (connection) => {
        connection.query(statement);
      },
      handleCopyInResponse: (connection) => {
        send(connection, data, () => refused).catch((error: unknown) => {
          dataError = error;
          connection.sendCopyFail('the data ended too early');
        });
      },
      // pg has already let go of the query: nothing more is told to it
      handleError: (error) => {
        refused = true;
        reject(dataError ?? error);
      },
      handleCommandComplete: ({ text }) => {
        rows = Number(text.split(' ')[1]);
      },
      handleReadyForQuery: () => resolve(rows),
    };
    client.query(query);
  });
}

/** What is sent after the server has refused the copy is dropped by the server. */
async function send(
  connection: CopyConnection,
  data: AsyncIterable<Uint8Array>,
  isRefused: () => boolean,
): Promise<void> {
  const { stream } = connection as unknown as { stream: Socket };
  for await (const chunk of data) {
    if (isRefused()) return;
    connection.sendCopyFromChunk(chunk);
    if (stream.writableNeedDrain) await drained(stream);
  }
  if (!isRefused()) connection.endCopyFrom();
}

function drained(stream: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('drain', settle).off('close', settle);
      resolve();
    };
    stream.on('drain', settle).on('close', settle);
  });
}
