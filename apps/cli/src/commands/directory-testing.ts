/** A directory in the memory of a test: methods answer what the test says; what they were asked is kept. For tests of this folder. */
import { runCli } from '../program.js';
import {
  createFakeIo,
  createFakeLive,
  createFakeSockets,
  type FakeAnswer,
  type FakeIo,
  type FakeIoOptions,
} from '../testing.js';

type Fields = Readonly<Record<string, unknown>>;
/** A result, or a refusal. */
type Answer = (params: Fields, headers: Readonly<Record<string, string>>) => unknown;

export interface Refusal {
  readonly refused: FakeAnswer;
}

export function refusal(status: number, code: number, message: string): Refusal {
  return { refused: { status, body: { error: { code, message } } } };
}

export interface DirectoryBed {
  readonly io: FakeIo;
  run(...argv: string[]): Promise<number>;
  /** `[method, params]` of each request, in order. */
  asked(): readonly (readonly [string, unknown])[];
  /** Standard output as one JSON document. */
  json(): unknown;
}

/** Methods are named without `directory.`; the console's door is `link`; one that is not there is no route. */
export function setUp(answers: Readonly<Record<string, Answer>>, options: FakeIoOptions = {}): DirectoryBed {
  const io = createFakeIo({
    env: { TRUNKLINE_API_KEY: 'a key of the tests' },
    ...options,
    answer: async ({ url, body, headers }) => {
      const found = (await answers[methodOf(url)]?.(body as Fields, headers)) ?? {
        refused: { status: 404, body: '' },
      };
      return isRefusal(found) ? found.refused : { body: { result: found } };
    },
  });
  return {
    io,
    run: (...argv) =>
      runCli(argv, {
        io,
        connect: createFakeLive().connect,
        loadServer: () => Promise.reject(new Error('the server is not loaded for this command')),
        loadSockets: async () => createFakeSockets(() => undefined).open,
        version: '1',
        onClientCommand: () => undefined,
        onServe: () => undefined,
      }),
    asked: () => io.requests.map(({ url, body }) => [methodOf(url), body] as const),
    json: () => JSON.parse(io.written.out) as unknown,
  };
}

function methodOf(url: string): string {
  return /\/(?:directory|console)\/(\w+)$/.exec(url)?.[1] ?? url;
}

function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value;
}

const AT = 1_700_000_000_000;

export const records = {
  org: (id: string, more: object = {}) => ({
    id,
    name: id,
    clusters: [],
    kubernetes: [],
    quotas: {},
    members: 2,
    createdMs: AT,
    updatedMs: AT,
    ...more,
  }),
  key: (name: string, more: object = {}) => ({
    id: `key_${name}`,
    org: 'acme',
    name,
    scopes: ['*'],
    createdMs: AT,
    createdBy: 'ann',
    expiresMs: null,
    lastUsedMs: null,
    revokedMs: null,
    ...more,
  }),
  member: (user: string, more: object = {}) => ({
    user,
    name: user,
    email: `${user}@example.com`,
    disabled: false,
    roles: ['member'],
    source: 'directory',
    sinceMs: AT,
    lastSeenMs: null,
    ...more,
  }),
  user: (id: string, more: object = {}) => ({
    id,
    issuer: 'https://id.example.com',
    subject: `sub-${id}`,
    email: `${id}@example.com`,
    name: id,
    operator: false,
    disabled: false,
    createdMs: AT,
    lastSeenMs: null,
    ...more,
  }),
  invitation: (email: string, more: object = {}) => ({
    id: `inv_${email.split('@')[0]}`,
    email,
    roles: ['member'],
    invitedBy: 'ann',
    createdMs: AT,
    expiresMs: AT + 1_000,
    acceptedMs: null,
    ...more,
  }),
  audit: (id: number, more: object = {}) => ({
    id,
    org: 'acme',
    atMs: AT + id,
    actor: 'ann',
    action: 'key.created',
    target: `key_${id}`,
    requestId: 'r',
    address: '192.0.2.1',
    details: {},
    ...more,
  }),
};
