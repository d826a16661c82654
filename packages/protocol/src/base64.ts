/** Base64 of bytes (RFC 4648 section 4), for wires that cannot carry bytes: Node's Buffer where there is one, `btoa` elsewhere. */
interface NodeBuffer {
  from(buffer: ArrayBufferLike, offset: number, length: number): { toString(encoding: 'base64'): string };
}
const platform = globalThis as { Buffer?: NodeBuffer; btoa?: (binary: string) => string };

export function base64(bytes: Uint8Array): string {
  if (platform.Buffer !== undefined)
    return platform.Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return platform.btoa === undefined ? '' : platform.btoa(binary);
}
