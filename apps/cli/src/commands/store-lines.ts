/** Lines of a file, one after another, so that a database larger than memory passes through. */
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** Writes beside and renames, so that half a file is never taken for a whole one. Answers the number of lines. */
export async function writeLines(path: string, lines: AsyncIterable<string>): Promise<number> {
  const part = `${path}.part`;
  const out = createWriteStream(part, { mode: 0o600 });
  let count = 0;
  try {
    for await (const line of lines) {
      count++;
      if (!out.write(`${line}\n`)) await once(out, 'drain');
    }
    out.end();
    await once(out, 'finish');
    await rename(part, path);
    return count;
  } catch (cause) {
    out.destroy();
    await rm(part, { force: true });
    throw cause;
  }
}

export async function* readLines(path: string): AsyncIterable<string> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
    if (line !== '') yield line;
}
