/** The section `kube`: which clusters there are, whose name they are asked in, the simulated one for demonstrations, and the limits of all (`kube-limits.ts`). */
import { z } from 'zod';
import { kubeLimits } from './kube-limits.js';
import { choice, flag, integer, list, records, text } from './leaves.js';

const CLUSTER_ID = {
  pattern: /^[\w.@-]{1,64}$/,
  expected: 'an id of 1 to 64 characters of a-z, A-Z, 0-9, `_`, `.`, `@` and `-`',
};
const ORG_OR_ALL = { pattern: /^(\*|[A-Za-z0-9._-]{1,64})$/, expected: 'an org id or `*`' };

const cluster = z.strictObject({
  id: text('Id, by which people and programs name the cluster.', CLUSTER_ID),
  name: text('Name shown to people; absent: the id.').optional(),
  kubeconfig: text(
    'Kubeconfig file that says where the cluster is and with which credential it is asked.',
  ).optional(),
  context: text('Context of that kubeconfig; absent: its current one.').optional(),
  inCluster: flag('The cluster that this server runs in, asked with the service account of its pod.').default(
    false,
  ),
  mode: choice(
    'Whose rights count: those of the credential for everybody (`shared`), those of each user, whom the credential may impersonate (`impersonate`), or those of a credential that each user leaves (`own`).',
    ['shared', 'impersonate', 'own'],
  ),
  groups: choice(
    'How groups of users are called in a cluster of mode `impersonate`: with their org before them, `acme:admins` (`byOrg`), or as they are (`plain`), where no administrator of an org can name a group that has rights there.',
    ['byOrg', 'plain'],
  ).default('byOrg'),
  writes: flag(
    'Requests that change something are passed on as well, by the rights of whoever makes them, and noted in the audit log.',
  ).default(false),
  exec: flag(
    'So are exec, attach and port-forward: whoever may do that there can run programs in containers from their browser.',
  ).default(false),
  orgs: list(
    'Orgs that see the cluster besides the org of the console and those whose record names it; `*`: all.',
    text('Org.', ORG_OR_ALL),
  ).default([]),
});

export const kubeSection = z
  .strictObject({
    clusters: records('Kubernetes clusters whose lists are live.', cluster).default([]),
    demo: z
      .strictObject({
        run: choice(
          'A simulated cluster for demonstrations, where no other is configured: `never`, when an operator asks for it (`onRequest`), or with the server (`start`).',
          ['never', 'onRequest', 'start'],
        ).default('never'),
        pods: integer('Pods of the simulated cluster to begin with.', { min: 1, max: 20_000 }).default(2_000),
        eventsPerSecond: integer('Changes per second in the simulated cluster.', { max: 1_000 }).default(20),
      })
      .prefault({}),
    ...kubeLimits,
  })
  .prefault({});

export type KubeConfig = z.output<typeof kubeSection>;
export type KubeClusterConfig = KubeConfig['clusters'][number];
