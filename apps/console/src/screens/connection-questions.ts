/** What is asked before a connection or a subscription is ended: what happens, with the code the client is told. */
import type { Question } from '../parts/confirm.js';

export function disconnect(client: string, user: string): Question {
  return {
    title: 'Disconnect this client?',
    text: `The connection of ${user} is closed with 3503; a well-behaved client does not come back by itself.`,
    action: 'Disconnect',
    danger: true,
    method: 'node.disconnect',
    params: { client },
    done: 'Disconnected.',
  };
}

export function reconnect(client: string, user: string): Question {
  return {
    title: 'Make this client reconnect?',
    text: `The connection of ${user} is closed with 3011; the client comes back at once and recovers what it missed.`,
    action: 'Reconnect',
    danger: false,
    method: 'node.disconnect',
    params: { client, reconnect: true },
    done: 'Told to reconnect.',
  };
}

export function unsubscribe(client: string, user: string, channel: string): Question {
  return {
    title: `End the subscription to ${channel}?`,
    text: `The client of ${user} is told that the server ended it (2000); it does not subscribe again by itself.`,
    action: 'End subscription',
    danger: true,
    method: 'node.unsubscribe',
    params: { client, channel },
    done: 'Subscription ended.',
  };
}
