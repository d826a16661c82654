/** One test's belongings: servers, proxies, clients and browsers, disposed in reverse of their making. */
import { DisposeStack } from '@trunkline/base';
import { launchBrowser, type BrowserHandle } from './browser.js';
import { startProgram, type Program, type ProgramOptions } from './program.js';
import { startProxy, type FaultProxy } from './proxy.js';
import { openRawClient, type RawClient, type RawClientOptions } from './raw-client.js';
import { startServer, type ServerOptions, type TestServer } from './server.js';
import { createStockClient, type StockClient, type StockClientOptions } from './stock-client.js';

export class Kit extends DisposeStack {
  /** Starts the real server as a child process. */
  async server(options: ServerOptions): Promise<TestServer> {
    return this.use(await startServer(options));
  }

  /** Starts a program of the system as a child process. */
  async program(options: ProgramOptions): Promise<Program> {
    return this.use(await startProgram(options));
  }

  /** A breakable TCP path to `target`. */
  async proxy(target: { readonly port: number }): Promise<FaultProxy> {
    return this.use(await startProxy(target.port));
  }

  /** The unmodified `centrifuge` client; not connected yet. */
  stock(url: string, options?: StockClientOptions): StockClient {
    return this.use(createStockClient(url, options));
  }

  /** A bare WebSocket, open. */
  async raw(url: string, options?: RawClientOptions): Promise<RawClient> {
    return this.use(await openRawClient(url, options));
  }

  async browser(): Promise<BrowserHandle> {
    return this.use(await launchBrowser());
  }
}
