/**
 * A proxy in front of a real PostgreSQL that understands its protocol (version 3, without TLS): it knows where a
 * message begins and ends, so that a test can let things go wrong at any request of a client. A request is what the
 * server answers: the startup, a password, a simple query. (Where the client asks for TLS, the server says no.)
 */
import { type Line, type Protocol, type Refusal, type SourceProxy, sourceProxy } from './source-proxy.ts';

type Message = { readonly type: string; readonly bytes: Buffer };

/** Cuts a stream into messages. The first ones of a client have no type. */
function messages(take: (message: Message) => void, begins: 'untyped' | 'typed') {
  let rest: Buffer = Buffer.alloc(0);
  let typed = begins === 'typed';
  return (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const at = typed ? 1 : 0;
      if (rest.length < at + 4) return;
      const length = at + rest.readUInt32BE(at);
      if (rest.length < length) return;
      const bytes = rest.subarray(0, length);
      rest = rest.subarray(length);
      const type = typed ? String.fromCharCode(bytes[0]!) : untypedOf(bytes);
      if (type === 'startup') typed = true;
      take({ type, bytes });
    }
  };
}

const sslRequestCode = 80877103;
const untypedOf = (bytes: Buffer): string => (bytes.readUInt32BE(4) === sslRequestCode ? 'ssl' : 'startup');

function errorMessage(severity: string, code: string, text: string): Buffer {
  const fields = Buffer.from(`S${severity}\0V${severity}\0C${code}\0M${text}\0\0`, 'utf8');
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** Every message of ours begins with the same settings. */
const withoutSettings = (sql: string): string => sql.replace(/^(SET LOCAL [^;]*;)*/, '');

const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

const refusals: Readonly<Record<Refusal, Buffer>> = {
  'time limit': Buffer.concat([
    errorMessage('ERROR', '57014', 'canceling statement due to statement timeout'),
    readyForQuery,
  ]),
  'shut down': errorMessage('FATAL', '57P01', 'terminating connection due to administrator command'),
  'too many': errorMessage('FATAL', '53300', 'sorry, too many clients already'),
};

/** The answer to a request is whole with ReadyForQuery, or with a question about the password. */
const isEnd = ({ type, bytes }: Message): boolean =>
  type === 'Z' || (type === 'R' && bytes.length > 8 && ![0, 12].includes(bytes.readUInt32BE(5)));

const beginsCopy = (sql: string): boolean => /^\s*(SELECT[^;]*;\s*)*COPY\b|;\s*COPY\b/i.test(sql);

const protocol: Protocol = (line: Line) => {
  let waitsForSslAnswer = false;
  const request = (text: string, bytes: Buffer): void =>
    line.request({ text: text.slice(0, 200), bringsRows: beginsCopy(text) }, bytes);
  const answer = messages((message) => {
    line.answer(message.bytes, isEnd(message) ? 'end' : message.type === 'd' ? 'row' : 'other');
  }, 'typed');
  return {
    opening: null,
    fromClient: messages(({ type, bytes }) => {
      switch (type) {
        case 'ssl':
          waitsForSslAnswer = true;
          line.toServer(bytes);
          return;
        case 'startup':
          return request('startup', bytes);
        case 'p':
          return request('password', bytes);
        case 'Q':
          return request(withoutSettings(bytes.toString('utf8', 5, bytes.length - 1)), bytes);
        default:
          line.toServer(bytes);
      }
    }, 'untyped'),
    fromServer(chunk) {
      if (!waitsForSslAnswer) {
        answer(chunk);
        return;
      }
      waitsForSslAnswer = false;
      line.toClient(chunk.subarray(0, 1));
      if (chunk.length > 1) answer(chunk.subarray(1));
    },
    refusal: (fault) => refusals[fault],
  };
};

/** @param target the server's port on 127.0.0.1 */
export const postgresProxy = (target: number): Promise<SourceProxy> => sourceProxy(target, protocol);
