import { describe, expect, test } from 'vitest';
import {
  channelsOfPublisher,
  channelsOfReader,
  resolveBenchOptions,
  sequenceOf,
  sequencesPerChannel,
} from './options.js';
import { readMessage, toMessage } from './message.js';

describe('who publishes and reads what', () => {
  test.each([
    [1, 1],
    [3, 7],
    [7, 3],
    [10, 4],
  ])(
    '[CLI-25] %i channels, %i publishers: every channel has a publisher, every sequence one',
    (channels, publishers) => {
      const plan = { channels, publishers };
      const pairs = new Set<string>();
      for (let publisher = 0; publisher < publishers; publisher++)
        for (const channel of channelsOfPublisher(plan, publisher)) {
          expect(sequenceOf(plan, publisher)).toBeLessThan(sequencesPerChannel(plan));
          pairs.add(`${channel} ${sequenceOf(plan, publisher)}`);
        }
      expect(pairs.size).toBe(Math.max(channels, publishers));
      expect(new Set([...pairs].map((pair) => pair.split(' ')[0])).size).toBe(channels);
    },
  );

  test('[CLI-25] readers spread over the channels, each subscribed to different ones', () => {
    const plan = { channels: 5, subscriptions: 3 };
    expect(channelsOfReader(plan, 0)).toEqual([0, 1, 2]);
    expect(channelsOfReader(plan, 1)).toEqual([3, 4, 0]);
  });

  test('[CLI-25] what cannot be held in bounded memory is refused', () => {
    expect(() => resolveBenchOptions({ subscriptions: 2 })).toThrow(
      /--subscriptions cannot be more than --channels/,
    );
    expect(() => resolveBenchOptions({ connections: 100_000, publishers: 100 })).toThrow(
      /10000000 sequences/,
    );
  });

  test('[CLI-25] data has the size asked for, and is known again', () => {
    const message = { publisher: 3, number: 17, sentAt: 1_234.5678, attempt: 0 };
    expect(JSON.stringify(toMessage('run', message, 200))).toHaveLength(200);
    expect(readMessage(toMessage('run', message, 1), 'run')).toEqual({ ...message, sentAt: 1_234.568 });
    expect(readMessage(toMessage('other', message, 1), 'run')).toBeUndefined();
    expect(readMessage('text', 'run')).toBeUndefined();
  });
});
