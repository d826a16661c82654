/** What is asked before a connection or a subscription is ended: what happens, with the code the client is told. */
import type { Question } from '../parts/confirm.js';

const GONE = 'Nothing to end: it was gone already.';

export function disconnect(client: string, user: string): Question {
  return {
    title: 'Disconnect this client?',
    text: `The connection of ${user} is closed with 3503; a well-behaved client does not come back by itself.`,
    action: 'Disconnect',
    danger: true,
    gone: true,
    run: async (call) => ((await call('node.disconnect', { client })).count > 0 ? 'Disconnected.' : GONE),
  };
}

export function reconnect(client: string, user: string): Question {
  return {
    title: 'Make this client reconnect?',
    text: `The connection of ${user} is closed with 3011; the client comes back at once and recovers what it missed.`,
    action: 'Reconnect',
    danger: false,
    run: async (call) =>
      (await call('node.disconnect', { client, reconnect: true })).count > 0 ? 'Told to reconnect.' : GONE,
  };
}

export function unsubscribe(client: string, user: string, channel: string): Question {
  return {
    title: `End the subscription to ${channel}?`,
    text: `The client of ${user} is told that the server ended it (2000); it does not subscribe again by itself.`,
    action: 'End subscription',
    danger: true,
    run: async (call) =>
      (await call('node.unsubscribe', { client, channel })).count > 0 ? 'Subscription ended.' : GONE,
  };
}
