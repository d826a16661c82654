/** Reads a request's JSON body, up to the size that the real server takes. */
import type { IncomingMessage } from 'node:http';
import { badRequest, StatusError } from '../model/status.js';

/** 3 MiB, as on the real server. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** `accepted` are the media types that will do. An absent or empty body is undefined. */
export async function readJson(request: IncomingMessage, accepted: readonly string[]): Promise<unknown> {
  const text = await readText(request);
  if (text === '') return undefined;
  const media = mediaType(request);
  if (media !== '' && !accepted.includes(media))
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
      {},
    );
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw badRequest('the body of the request is not valid JSON');
  }
}

export function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new StatusError(
        413,
        'RequestEntityTooLarge',
        `Request entity too large: limit is ${MAX_BODY_BYTES}`,
        {},
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
