/**
 * Credentials that users leave for clusters of mode `own`, sealed in the store: one for each user of an org and cluster, readable by the server alone and used for that user alone. What is
 * read is remembered for a moment, since rights are asked about every few seconds.
 */
import { randomId, type Clock, type Logger, type Random } from '@trunkline/base';
import type { Principal } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { sql, type Committing, type Reading, type Row } from '@trunkline/store';
import type { LeftCredential } from '../access/askers.js';
import type { Clusters } from '../clusters/clusters.js';
import { toMaterial, type Material } from './given.js';
import type { Credentials } from './port.js';
import { open, seal, type SealingKeys } from './sealing.js';

export interface CredentialsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly clusters: Clusters;
  /** With `KUBE_MIGRATIONS` applied. */
  readonly store: Committing & Reading;
  /** The first one seals; credentials under a key that is gone must be left anew. */
  readonly keys: SealingKeys;
}

/** How long what was read counts: one that was taken back on another node is used no longer. Milliseconds. */
const KEPT_MS = 1_000;
/** How much longer while the store does not answer. */
const STALE_MS = 60_000;
/** Users and clusters remembered; the one asked about longest ago goes. */
const MAX_KEPT = 10_000;

interface Kept {
  readonly atMs: number;
  readonly left: LeftCredential | undefined;
}

export class CredentialBook implements Credentials {
  readonly #deps: CredentialsDeps;
  readonly #kept = new Map<string, Kept>();
  readonly #reading = new Map<string, Promise<LeftCredential | undefined>>();

  constructor(deps: CredentialsDeps) {
    this.#deps = deps;
  }

  /** Fails with the store's temporary errors where it does not answer and nothing is remembered. */
  async find(principal: Principal, cluster: string): Promise<LeftCredential | undefined> {
    const place = placeOf(principal, cluster);
    const kept = this.#kept.get(place);
    const age = kept === undefined ? Infinity : this.#deps.clock.monotonic() - kept.atMs;
    if (kept !== undefined && age < KEPT_MS) return kept.left;
    try {
      const reading =
        this.#reading.get(place) ??
        this.#read(principal, cluster, place).finally(() => this.#reading.delete(place));
      this.#reading.set(place, reading);
      return await reading;
    } catch (cause) {
      const isStale = kept !== undefined && age < KEPT_MS + STALE_MS;
      if (isStale && cause instanceof CodedError && cause.temporary) return kept.left;
      throw cause;
    }
  }

  /** Throws `badRequest`, `kubeconfigInvalid` and `kubeconfigRefused`, naming the field. What ran on an earlier one ends. */
  async put(principal: Principal, params: Parameters<Credentials['put']>[1]): ReturnType<Credentials['put']> {
    const { clock, random, clusters, store, keys } = this.#deps;
    const { cluster } = params;
    const found = clusters.get(cluster);
    if (found.options.mode !== 'own')
      throw new CodedError('badRequest', 'cluster: is not used with credentials of users');
    const material = toMaterial(params, found.connection.server);
    const place = placeOf(principal, cluster);
    const before = await this.#read(principal, cluster, place);
    // Said again, it changes nothing: what runs on it goes on.
    if (before !== undefined && isSame(before.credential, material)) return { cluster, kind: material.kind };
    const { keyId, bytes } = seal(keys, place, JSON.stringify(material));
    const { org, user } = principal;
    const id = randomId(random);
    await store.commit({
      statements: [
        sql`INSERT INTO kube_credentials (org, user_id, cluster, id, kind, key_id, sealed, updated_ms)
          VALUES (${org}, ${user}, ${cluster}, ${id}, ${material.kind}, ${keyId}, ${bytes}, ${clock.now()})
          ON CONFLICT (org, user_id, cluster) DO UPDATE SET id = EXCLUDED.id, kind = EXCLUDED.kind, key_id = EXCLUDED.key_id,
            sealed = EXCLUDED.sealed, updated_ms = EXCLUDED.updated_ms`,
      ],
    });
    await this.#forget(place, cluster, before?.id);
    return { cluster, kind: material.kind };
  }

  async list({ org, user }: Principal): ReturnType<Credentials['list']> {
    const { rows } = await this.#deps.store.read(
      sql`SELECT cluster, kind, updated_ms FROM kube_credentials WHERE org = ${org} AND user_id = ${user} ORDER BY cluster LIMIT 1000`,
    );
    return {
      credentials: rows.map((row) => ({
        cluster: row['cluster'] as string,
        kind: row['kind'] as Material['kind'],
        updatedMs: Number(row['updated_ms']),
      })),
    };
  }

  async remove(principal: Principal, cluster: string): Promise<boolean> {
    const { org, user } = principal;
    const [{ rows }] = await this.#deps.store.commit({
      statements: [
        sql`DELETE FROM kube_credentials WHERE org = ${org} AND user_id = ${user} AND cluster = ${cluster} RETURNING id`,
      ],
    });
    const id = rows[0]?.['id'] as string | undefined;
    await this.#forget(placeOf(principal, cluster), cluster, id);
    return id !== undefined;
  }

  async #read({ org, user }: Principal, cluster: string, place: string): Promise<LeftCredential | undefined> {
    const atMs = this.#deps.clock.monotonic();
    const { rows } = await this.#deps.store.read(
      sql`SELECT id, key_id, sealed FROM kube_credentials WHERE org = ${org} AND user_id = ${user} AND cluster = ${cluster} LIMIT 1`,
    );
    const left = rows[0] === undefined ? undefined : this.#unseal(rows[0], place);
    this.#kept.delete(place);
    this.#kept.set(place, { atMs, left });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return left;
  }

  #unseal(row: Row, place: string): LeftCredential | undefined {
    const id = row['id'] as string;
    const sealed = { keyId: row['key_id'] as string, bytes: row['sealed'] as Uint8Array };
    const text = open(this.#deps.keys, place, sealed);
    if (text === undefined) {
      this.#deps.logger.warn({ credential: id, keyId: sealed.keyId }, 'a credential cannot be unsealed');
      return undefined;
    }
    const { kind: _, ...credential } = JSON.parse(text) as Material;
    return { id, credential };
  }

  async #forget(place: string, cluster: string, id: string | undefined): Promise<void> {
    this.#kept.delete(place);
    this.#reading.delete(place);
    if (id !== undefined) await this.#deps.clusters.find(cluster)?.forget(id);
  }
}

function placeOf({ org, user }: Principal, cluster: string): string {
  return JSON.stringify([org, user, cluster]);
}

function isSame(left: LeftCredential['credential'], material: Material): boolean {
  const { token, certificate, key } = left;
  return material.kind === 'token'
    ? token === material.token
    : certificate === material.certificate && key === material.key;
}
