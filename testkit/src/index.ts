/** Servers on free ports, a breakable network, stock and bare clients, browsers: what system tests are made of. */
export { Kit } from './kit.js';
export { clock, until, wait } from './waiting.js';
export { startServer, type ApiAnswer, type ServerOptions, type TestServer } from './server.js';
export {
  programPath,
  startProgram,
  type Program,
  type ProgramOptions,
  type ProgramPlace,
} from './program.js';
export { startRedis, type RedisServer } from './redis.js';
export { startPostgres, type PostgresServer } from './postgres.js';
export { createCertificateAuthority, type CertificateAuthority } from './kube-certificates.js';
export {
  findKubeBinaries,
  startKubeApiServer,
  type KubeApiServer,
  type KubeApiServerOptions,
  type KubeBinaries,
  type KubeUser,
} from './kube-apiserver.js';
export { startProxy, type Direction, type FaultProxy } from './proxy.js';
export {
  createStockClient,
  collectEvents,
  nextEvent,
  subscribed,
  watchStream,
  type StockClient,
  type StockClientOptions,
  type SubscribedAnswer,
} from './stock-client.js';
export { openRawClient, type Document, type RawClient, type RawClientOptions } from './raw-client.js';
export { signToken, strangerToken, unsignedToken, type HmacAlg } from './tokens.js';
export { launchBrowser, type BrowserHandle, type BrowserPage } from './browser.js';
export { StreamChecker, type Violation } from './stream-checker.js';
export { freePort } from './ports.js';
export { fromWire, httpUrl, isProtobuf, toWire, transportOf, WIRES, type Wire } from './wires.js';
export { protobufCodec } from './raw-codec.js';
