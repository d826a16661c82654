/**
 * Text in chunks to lines, as they come. A line ends with a line feed (a carriage return before it is dropped) or with the end of input.
 * A line longer than the limit is dropped and reported instead of being held: memory stays bounded whatever is piped in.
 */

export type Line =
  | { readonly kind: 'line'; readonly number: number; readonly text: string }
  /** The line was dropped; `units` is its length in UTF-16 units. */
  | { readonly kind: 'too long'; readonly number: number; readonly units: number };

/** Yields what each chunk completed, so that a reader can tell a burst from a pause. Empty lines are yielded too. */
export async function* readLines(
  input: AsyncIterable<Uint8Array | string>,
  maxUnits: number,
): AsyncGenerator<readonly Line[], void, undefined> {
  const decoder = new TextDecoder();
  let held = '';
  let dropped = 0;
  let number = 0;
  const finish = (tail: string): Line => {
    number++;
    const text = (held + tail).replace(/\r$/, '');
    const units = dropped + text.length;
    held = '';
    dropped = 0;
    return units > maxUnits ? { kind: 'too long', number, units } : { kind: 'line', number, text };
  };
  for await (const chunk of input) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines: Line[] = [];
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      lines.push(finish(text.slice(from, end)));
      from = end + 1;
    }
    held += text.slice(from);
    // One unit more may still turn out to be the carriage return of a line end.
    if (held.length > maxUnits + 1) {
      dropped += held.length;
      held = '';
    }
    if (lines.length > 0) yield lines;
  }
  held += decoder.decode();
  if (held !== '' || dropped > 0) yield [finish('')];
}
