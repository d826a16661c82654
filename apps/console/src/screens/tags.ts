/** Tags as people type them: `kind=test, level=info`. Pure. */
export type ParsedTags = { readonly value: Readonly<Record<string, string>> } | { readonly fault: string };

export function parseTags(text: string): ParsedTags {
  const tags: Record<string, string> = {};
  for (const part of text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')) {
    const at = part.indexOf('=');
    if (at < 1) return { fault: `Expected name=value, found ${part}` };
    tags[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return { value: tags };
}
