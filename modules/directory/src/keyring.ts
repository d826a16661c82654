/**
 * Sealing with AES-256-GCM under one of several keys: the first one seals, all of them open. A key is named by a hash of itself, so that a wrong one is
 * known without trying. What is sealed is bound to its place (org and name): moved to another row it does not open.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { DIRECTORY_CODES } from '@trunkline/contracts/directory';
import { CodedError } from '@trunkline/protocol';

export const SECRETS_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of what is sealed: how. */
const VERSION = 1;

export interface Sealed {
  readonly keyId: string;
  readonly bytes: Uint8Array;
}

export class Keyring {
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly #first: Uint8Array;
  /** Of the key that seals. */
  readonly currentId: string;

  /** Throws a RangeError for a key that is none or is there twice. */
  constructor(keys: readonly Uint8Array[]) {
    const [first] = keys;
    if (!first) throw new RangeError('secrets keys: at least one');
    for (const key of keys)
      if (key.length !== SECRETS_KEY_BYTES)
        throw new RangeError(`secrets keys: a key has ${SECRETS_KEY_BYTES} bytes, not ${key.length}`);
    this.#keys = new Map(keys.map((key) => [keyIdOf(key), key]));
    if (this.#keys.size < keys.length) throw new RangeError('secrets keys: a key is there twice');
    this.#first = first;
    this.currentId = keyIdOf(first);
  }

  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** The one that seals first. */
  get keys(): readonly Uint8Array[] {
    return [...this.#keys.values()];
  }

  seal(place: string, text: string): Sealed {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#first, nonce);
    cipher.setAAD(aadOf(this.currentId, place));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return {
      keyId: this.currentId,
      bytes: Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body]),
    };
  }

  /** Fails with 1200 where the key is not here, or the bytes are not what was sealed at this place. */
  open(place: string, { keyId, bytes }: Sealed): string {
    const key = this.#keys.get(keyId);
    if (!key) throw new CodedError(DIRECTORY_CODES.secretsKeyWrong, `key ${keyId} is missing`);
    const sealed = Buffer.from(bytes);
    const tagAt = 1 + NONCE_BYTES;
    try {
      if (sealed[0] !== VERSION) throw new Error(`version ${sealed[0]}`);
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, tagAt));
      decipher.setAAD(aadOf(keyId, place));
      decipher.setAuthTag(sealed.subarray(tagAt, tagAt + TAG_BYTES));
      return Buffer.concat([decipher.update(sealed.subarray(tagAt + TAG_BYTES)), decipher.final()]).toString(
        'utf8',
      );
    } catch (cause) {
      throw new CodedError(DIRECTORY_CODES.secretsKeyWrong, 'the sealed bytes were changed or moved', {
        cause,
      });
    }
  }

  /** A key for another purpose, the same on every node with the same first key. */
  derive(purpose: string): Uint8Array {
    return new Uint8Array(
      hkdfSync('sha256', this.#first, new Uint8Array(), `trunkline ${purpose}`, SECRETS_KEY_BYTES),
    );
  }
}

/** Says nothing about the key: 64 bits of a hash. */
export function keyIdOf(key: Uint8Array): string {
  return createHash('sha256').update('trunkline secrets key').update(key).digest('hex').slice(0, 16);
}

export function makeSecretsKey(): Uint8Array {
  return new Uint8Array(randomBytes(SECRETS_KEY_BYTES));
}

function aadOf(keyId: string, place: string): Buffer {
  return Buffer.from(`${VERSION}\u0000${keyId}\u0000${place}`, 'utf8');
}
