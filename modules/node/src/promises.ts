/** What the contracts of running modules promise of a channel's data, as JSON Schema. Schemas are made once, when first asked for. */
import { dataSchema, type ChannelContract, type Contract } from '@trunkline/contracts';

export interface ChannelPromise {
  readonly contract: string;
  readonly summary: string;
  readonly schema: Record<string, unknown>;
}

/** Finds the promise for a channel name; undefined where no contract has a channel of that form. */
export function createPromises(
  contracts: () => readonly Contract[],
): (channel: string) => ChannelPromise | undefined {
  const made = new Map<ChannelContract, ChannelPromise>();
  return (name) => {
    for (const contract of contracts()) {
      for (const channel of Object.values(contract.channels)) {
        if (!fits(channel.pattern, name)) continue;
        const found = made.get(channel) ?? {
          contract: contract.id,
          summary: channel.summary,
          schema: dataSchema(channel),
        };
        made.set(channel, found);
        return found;
      }
    }
    return undefined;
  };
}

/** `chat:stream:{id}` fits every name that has something in place of `{id}`; a part in braces does not reach over a `:`. */
function fits(pattern: string, name: string): boolean {
  const expected = pattern.split(':');
  const given = name.split(':');
  return (
    expected.length === given.length &&
    expected.every((part, index) => {
      const value = given[index] ?? '';
      const [before = '', after] = part.split(/\{[^}]*\}/);
      if (after === undefined) return part === value;
      return value.length > before.length + after.length && value.startsWith(before) && value.endsWith(after);
    })
  );
}
