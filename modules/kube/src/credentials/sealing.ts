/**
 * Sealing with AES-256-GCM under one of several keys: the first one seals, all of them open. What is sealed is bound to its place (org, user, cluster): moved to another row it does not
 * open. Nothing of a sealed text or a key is in an error.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

export interface Sealed {
  readonly keyId: string;
  readonly bytes: Uint8Array;
}

/** 32 bytes each. Asked for at each use: keys are replaced while a server runs. */
export type SealingKeys = () => readonly Uint8Array[];

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of what is sealed: how. */
const VERSION = 1;

/** Throws a RangeError where there is no key. */
export function seal(keys: SealingKeys, place: string, text: string): Sealed {
  const [key] = keys();
  if (key === undefined) throw new RangeError('credentials: a key is needed');
  const keyId = keyIdOf(key);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(aadOf(keyId, place));
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return { keyId, bytes: Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body]) };
}

/** Undefined where the key is gone, or the bytes are not what was sealed at this place. */
export function open(keys: SealingKeys, place: string, { keyId, bytes }: Sealed): string | undefined {
  const key = keys().find((one) => keyIdOf(one) === keyId);
  const sealed = Buffer.from(bytes);
  if (key === undefined || sealed[0] !== VERSION) return undefined;
  try {
    const tagAt = 1 + NONCE_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, tagAt));
    decipher.setAAD(aadOf(keyId, place));
    decipher.setAuthTag(sealed.subarray(tagAt, tagAt + TAG_BYTES));
    const body = [decipher.update(sealed.subarray(tagAt + TAG_BYTES)), decipher.final()];
    return Buffer.concat(body).toString('utf8');
  } catch {
    return undefined;
  }
}

/** Says nothing about the key: 64 bits of a hash. */
function keyIdOf(key: Uint8Array): string {
  return createHash('sha256').update('trunkline kube credentials').update(key).digest('hex').slice(0, 16);
}

function aadOf(keyId: string, place: string): Buffer {
  return Buffer.from(`${VERSION}\u0000${keyId}\u0000${place}`, 'utf8');
}
