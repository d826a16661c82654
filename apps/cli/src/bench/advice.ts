/** What the errors that a bench meets most often mean. */

const ADVICE: ReadonlyMap<number, string> = new Map([
  [429, 'too many attempts from this address: server.connectionAttemptsPerSecond (50); lower --ramp'],
  [503, 'the node drains, or is full: server.maxConnections'],
  [103, 'the token may not use these channels: --namespace names another namespace'],
  [106, 'a limit of the server: client.maxPublicationBytes, or api.bodyMaxBytes'],
  [111, 'commands per second are limited: client.maxCommandsPerSecondPerConnection'],
  [3008, 'a reader fell behind: the bench, or the network, cannot take that much'],
  [3500, 'the token is not accepted'],
  [3504, 'all readers are one user: client.maxConnectionsPerUser (1,000)'],
]);

/** In brackets, with a space before; '' where there is nothing to say. */
export function adviceOn(code: number): string {
  const advice = ADVICE.get(code);
  return advice === undefined ? '' : ` [${advice}]`;
}
