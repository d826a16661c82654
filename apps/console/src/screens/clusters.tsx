/** The Kubernetes clusters that the org sees: whether they are reached, what this node watches there, and who shares it. Without any: how to add one. */
import { Button } from '@mantine/core';
import { Square } from 'lucide-react';
import { useState } from 'react';
import { useAsked } from '../asked.js';
import { Confirm, type Question } from '../parts/confirm.js';
import { Failure, Waiting } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { administers, seesNode, type Session } from '../session.js';
import { ClusterAdd } from './cluster-add.js';
import { ClusterPanel } from './cluster-panel.js';

const REFRESH_MS = 2_500;

export function Clusters({ session }: { readonly session: Session }) {
  const { data, error, continuity, ask } = useAsked('kube.clusters', {}, REFRESH_MS);
  const status = useAsked('kube.status', administers(session) ? {} : null, REFRESH_MS);
  const [question, setQuestion] = useState<Question>();
  const operator = seesNode(session);
  const clusters = data?.clusters;
  return (
    <Page
      title="Clusters"
      name="Clusters"
      continuity={continuity}
      source={`kube.clusters, every ${REFRESH_MS / 1_000} s`}
      lead="A list is watched once on this node, however many read it. One that may be old says so, and why."
      actions={
        operator &&
        clusters?.some(({ simulated }) => simulated) === true && (
          <Button
            variant="default"
            leftSection={<Square size={14} aria-hidden="true" />}
            onClick={() => setQuestion(END_DEMO)}
          >
            End demo cluster
          </Button>
        )
      }
    >
      {clusters === undefined ? (
        <div className="tl-panel">
          {error ? (
            <Failure title="The clusters cannot be listed" reason={error.message} retry={ask} />
          ) : (
            <Waiting label="Loading the clusters" rows={6} />
          )}
        </div>
      ) : clusters.length === 0 ? (
        <ClusterAdd operator={operator} onStarted={ask} />
      ) : (
        clusters.map((cluster) => (
          <ClusterPanel
            key={cluster.id}
            cluster={cluster}
            reflectors={status.data?.clusters.find((one) => one.cluster.id === cluster.id)?.reflectors}
            onChanged={ask}
          />
        ))
      )}
      {clusters !== undefined && clusters.length > 0 && status.data && (
        <p className="tl-foot">
          The watches are those of node <code>{status.data.node}</code>; another node has its own.
        </p>
      )}
      <Confirm question={question} onClose={() => setQuestion(undefined)} onDone={ask} />
    </Page>
  );
}

const END_DEMO: Question = {
  title: 'End the demo cluster?',
  text: 'The simulated API server and everything in it goes. Whoever looks at its lists is told that they are gone.',
  action: 'End demo cluster',
  danger: true,
  run: async (call) => {
    await call('kube.demo', { run: false });
    return 'The demo cluster is gone.';
  },
};
