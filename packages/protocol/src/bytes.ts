/** UTF-8 text to bytes and back: Node's Buffer where there is one (faster for short text), the Encoding Standard elsewhere. */
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

interface NodeBuffer {
  from(text: string, encoding: 'utf8'): Uint8Array;
}
const nodeBuffer = (globalThis as { Buffer?: NodeBuffer }).Buffer;

export function utf8(text: string): Uint8Array {
  return nodeBuffer ? nodeBuffer.from(text, 'utf8') : encoder.encode(text);
}

/** Throws a TypeError on bytes that are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
