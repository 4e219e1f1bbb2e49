/** COPY … FROM STDIN over a connection of `pg`, which leaves the sending of data to its callers. */
import { once } from 'node:events';
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
 * The server's error, or the data's own, is thrown when the connection is ready for the next statement.
 */
export function copyIn(client: Client, statement: string, data: AsyncIterable<Uint8Array>): Promise<number> {
  return new Promise((resolve, reject) => {
    let rows = 0;
    let failure: unknown;
    const query: CopyQuery = {
      submit: (connection) => {
        connection.query(statement);
      },
      handleCopyInResponse: (connection) => {
        send(connection, data, () => failure !== undefined).catch((error: unknown) => {
          failure ??= error;
          connection.sendCopyFail('the data ended too early');
        });
      },
      handleError: (error) => {
        failure ??= error;
      },
      handleCommandComplete: ({ text }) => {
        rows = Number(text.split(' ')[1]);
      },
      handleReadyForQuery: () => (failure === undefined ? resolve(rows) : reject(failure)),
    };
    client.query(query);
  });
}

async function send(
  connection: CopyConnection,
  data: AsyncIterable<Uint8Array>,
  isRefused: () => boolean,
): Promise<void> {
  const { stream } = connection as unknown as {
    stream: NodeJS.WritableStream & { writableNeedDrain: boolean };
  };
  for await (const chunk of data) {
    if (isRefused()) return;
    connection.sendCopyFromChunk(chunk);
    if (stream.writableNeedDrain) await once(stream, 'drain');
  }
  connection.endCopyFrom();
}
