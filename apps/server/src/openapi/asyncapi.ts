/**
 * The AsyncAPI 3 document of the native wire: commands with their replies, pushes, the channels and methods of modules out of their
 * contracts, and the code tables. The document speaks as the server does: it receives commands and sends pushes.
 */
import type { Contract } from '@trunkline/contracts';
import {
  commandDocument,
  errorDocument,
  pingDocument,
  pongDocument,
  pushDocument,
  replyDocument,
  wireCommands,
  wirePushes,
  type WireCommand,
  type WirePush,
} from '@trunkline/contracts/wire';
import { CLOSE_CODES, ERROR_CODES, UNSUBSCRIBE_CODES, type CodeEntry } from '@trunkline/protocol';
import type { z } from 'zod';
import { SchemaPool, type JsonSchema } from './schema-pool.js';

export interface AsyncApiParts {
  readonly version: string;
  readonly contracts: readonly Contract[];
  /** Of the native wire, as bound: where these documents travel. */
  readonly endpoints: readonly { readonly path: string; readonly transport: string }[];
}

interface Message {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly contentType: 'application/json';
  readonly payload: JsonSchema;
}

type Named<T> = Record<string, T>;

const CONNECTION = 'connection';
const TRANSPORTS: Readonly<Record<string, string>> = {
  websocket: 'WebSocket; several documents of one frame are separated by line breaks.',
  http_stream: 'One answer that stays open, a document a line; commands after the first go to `/emulation`.',
  sse: 'Server-sent events, a document each; commands after the first go to `/emulation`.',
  uni_sse: 'Server-sent events, one way down.',
};

export function buildAsyncApi({ version, contracts, endpoints }: AsyncApiParts): JsonSchema {
  const pool = new SchemaPool('draft-7');
  const messages: Named<Message> = {};
  const add = (name: string, title: string, summary: string, schema: z.ZodType): string => {
    messages[name] = { name, title, summary, contentType: 'application/json', payload: pool.add(schema) };
    return name;
  };
  const operations: Named<object> = {};

  add('error', 'Error', 'The reply to a command that is refused.', errorDocument);
  const plain = (
    name: string,
    action: 'send' | 'receive',
    title: string,
    summary: string,
    schema: z.ZodType,
  ): void => {
    operations[name] = {
      action,
      channel: reference('channels', CONNECTION),
      summary,
      messages: [inChannel(CONNECTION, add(name, title, summary, schema))],
    };
  };
  plain('ping', 'send', 'Ping', 'The empty object; the client answers with a pong.', pingDocument);
  plain('pong', 'receive', 'Pong', 'The empty object, in answer to a ping.', pongDocument);
  for (const name of Object.keys(wireCommands) as WireCommand[]) {
    const { summary } = wireCommands[name];
    const command = add(`command.${name}`, `Command ${name}`, summary, commandDocument(name));
    const answer = replyDocument(name);
    const reply = answer && add(`reply.${name}`, `Reply to ${name}`, `Answers \`${name}\`.`, answer);
    operations[`command.${name}`] = {
      action: 'receive',
      channel: reference('channels', CONNECTION),
      summary,
      tags: [{ name: 'command' }],
      messages: [inChannel(CONNECTION, command)],
      ...(reply === undefined
        ? {}
        : {
            reply: {
              channel: reference('channels', CONNECTION),
              messages: [inChannel(CONNECTION, reply), inChannel(CONNECTION, 'error')],
            },
          }),
    };
  }
  for (const name of Object.keys(wirePushes) as WirePush[]) {
    const { summary } = wirePushes[name];
    const push = add(`push.${name}`, `Push ${name}`, summary, pushDocument(name));
    operations[`push.${name}`] = {
      action: 'send',
      channel: reference('channels', CONNECTION),
      summary,
      tags: [{ name: 'push' }],
      messages: [inChannel(CONNECTION, push)],
    };
  }
  const wire = Object.keys(messages);

  const rpc = contracts.flatMap(({ id, rpc: methods }) =>
    Object.entries(methods).map(([method, { summary, params, result }]) => {
      const call = add(`rpc.${method}`, `Call of ${method}`, summary, params);
      const answer = add(
        `rpc.${method}.result`,
        `Result of ${method}`,
        `What \`${method}\` answers.`,
        result,
      );
      return { id, method, summary, call, answer };
    }),
  );
  for (const { id, method, summary, call, answer } of rpc)
    operations[call] = {
      action: 'receive',
      channel: reference('channels', 'rpc'),
      summary,
      description: `The \`data\` of command \`rpc\` with method \`${method}\`; the result is the \`data\` of its reply.`,
      tags: [{ name: id }],
      messages: [inChannel('rpc', call)],
      reply: { channel: reference('channels', 'rpc'), messages: [inChannel('rpc', answer)] },
    };

  const channels: Named<object> = Object.fromEntries(
    endpoints.map(({ path, transport }, index) => [
      index === 0 ? CONNECTION : `${CONNECTION}.${transport}`,
      {
        address: path,
        title: `The wire over ${transport}`,
        description: TRANSPORTS[transport] ?? transport,
        messages: references(wire),
      },
    ]),
  );
  if (rpc.length > 0)
    channels['rpc'] = {
      address: null,
      title: 'Methods of modules',
      description: 'Inside command `rpc` and its reply, on any connection.',
      messages: references(rpc.flatMap(({ call, answer }) => [call, answer])),
    };
  for (const { id, channels: promised } of contracts) {
    for (const [name, { pattern, type, data, summary }] of Object.entries(promised)) {
      const message = add(`channel.${id}.${name}`, `Publication in ${pattern}`, summary, data);
      channels[`${id}.${name}`] = {
        address: pattern,
        title: `Channel ${pattern}`,
        description: `${summary} A ${type} channel: subscribe with command \`subscribe\`, what is published is the \`data\` of push \`pub\`.`,
        ...parametersOf(pattern),
        messages: references([message]),
      };
      operations[message] = {
        action: 'send',
        channel: reference('channels', `${id}.${name}`),
        summary,
        tags: [{ name: id }],
        messages: [inChannel(`${id}.${name}`, message)],
      };
    }
  }

  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Trunkline native wire',
      version,
      description:
        'The Centrifugal client protocol, version 2, in JSON, with what Trunkline adds inside fields that every client hands to its application. Channels that an operator configures by namespace carry data of the application and are not listed.',
      license: { name: 'Apache-2.0' },
      'x-codes': {
        errors: codeList(ERROR_CODES, ...contracts.map(({ errors }) => errors)),
        unsubscribe: codeList(UNSUBSCRIBE_CODES),
        close: codeList(CLOSE_CODES),
      },
    },
    servers: {
      this: {
        host: '{host}',
        protocol: 'ws',
        description: 'This server; `wss` where it, or the proxy before it, speaks TLS.',
        variables: { host: { default: 'localhost:8000' } },
      },
    },
    defaultContentType: 'application/json',
    channels,
    operations,
    components: { messages, schemas: pool.components },
  };
}

function reference(kind: 'channels', name: string): { readonly $ref: string } {
  return { $ref: `#/${kind}/${name}` };
}

/** Operations name messages of their channel, channels those of the components. */
function inChannel(channel: string, message: string): { readonly $ref: string } {
  return { $ref: `#/channels/${channel}/messages/${message}` };
}

function references(names: readonly string[]): Named<object> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
}

function parametersOf(pattern: string): object {
  const names = [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return names.length === 0 ? {} : { parameters: Object.fromEntries(names.map((name) => [name, {}])) };
}

function codeList(...tables: readonly Readonly<Record<string, CodeEntry>>[]): readonly object[] {
  return tables
    .flatMap((table) => Object.entries(table))
    .map(([name, { code, message, retry }]) => ({ code, name, message, retry }));
}
