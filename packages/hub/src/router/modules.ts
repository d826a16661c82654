/** What modules bring: methods, namespaces, endpoints, routes and answers to other nodes. A module is registered whole or not at all, and a name belongs to one. */
import type { Disposable, Logger } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { resolveNamespace, type Namespace, type Namespaces } from '../channels/namespaces.js';
import type { HubNodes } from '../nodes/nodes.js';
import type { Endpoint } from '../ports/endpoint.js';
import type { ModuleNamespace, ModuleParts, RouteDescriptor } from '../ports/module.js';
import type { ValidatorCompiler } from '../ports/validator.js';
import type { RegisteredRpc } from './deps.js';

export interface ModulesDeps {
  readonly logger: Logger;
  readonly namespaces: Namespaces;
  readonly nodes: Pick<HubNodes, 'register'>;
  /** Absent: params are not checked. */
  readonly validator: ValidatorCompiler | undefined;
  /** Whether there is a store for durable channels. */
  readonly durable: boolean;
}

export class Modules {
  readonly rpc = new Map<string, RegisteredRpc>();
  readonly endpoints: Endpoint[] = [];
  readonly routes: RouteDescriptor[] = [];
  readonly #deps: ModulesDeps;
  readonly #parts: ModuleParts[] = [];
  #disposed = false;

  constructor(deps: ModulesDeps) {
    this.#deps = deps;
  }

  /** Throws a RangeError that names what is taken, after disposing the parts. */
  async register(parts: ModuleParts): Promise<void> {
    const { namespaces, nodes, durable } = this.#deps;
    const added: string[] = [];
    const answering: Disposable[] = [];
    let rpc: ReadonlyMap<string, RegisteredRpc>;
    try {
      if (this.#disposed) throw new CodedError('shuttingDown');
      rpc = this.#methodsOf(parts);
      for (const namespace of parts.namespaces ?? []) {
        namespaces.add(resolveFor(durable, namespace.options, namespace));
        added.push(namespace.options.name);
      }
      for (const answer of parts.answers ?? []) answering.push(nodes.register(answer));
    } catch (cause) {
      for (const name of added) namespaces.remove(name);
      for (const registered of answering) void registered.dispose();
      // The first failure is the one to report.
      await this.#end(parts);
      throw cause;
    }
    for (const [name, registered] of rpc) this.rpc.set(name, registered);
    this.endpoints.push(...(parts.endpoints ?? []));
    this.routes.push(...(parts.routes ?? []));
    this.#parts.push(parts);
  }

  /** No more are taken from now on. */
  close(): void {
    this.#disposed = true;
  }

  /** Last registered first. */
  async dispose(): Promise<void> {
    this.close();
    for (const parts of this.#parts.splice(0).reverse()) await this.#end(parts);
  }

  #methodsOf({ rpc = {} }: ModuleParts): ReadonlyMap<string, RegisteredRpc> {
    const { validator } = this.#deps;
    const methods = new Map<string, RegisteredRpc>();
    for (const [name, method] of Object.entries(rpc)) {
      if (this.rpc.has(name) || name.startsWith('tl.')) throw new RangeError(`RPC method '${name}' is taken`);
      methods.set(name, { method, validate: method.params ? validator?.(method.params) : undefined });
    }
    return methods;
  }

  async #end(parts: ModuleParts): Promise<void> {
    try {
      await parts.dispose?.();
    } catch (cause) {
      this.#deps.logger.error({ cause: String(cause) }, 'a module failed to close');
    }
  }
}

/** `durable`: there is a store. Throws a RangeError that names the namespace and the field. */
export function resolveFor(
  durable: boolean,
  given: Parameters<typeof resolveNamespace>[0],
  module?: ModuleNamespace,
): Namespace {
  const resolved = resolveNamespace(given, module);
  if (resolved.options.class === 'durable' && !durable)
    throw new RangeError(`namespace '${resolved.options.name}': class 'durable' needs a store`);
  return resolved;
}
