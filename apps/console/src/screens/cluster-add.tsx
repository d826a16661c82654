/** No cluster yet: how one is connected, by whoever runs the server, and a simulated one to look around. */
import { Button, Loader, Text } from '@mantine/core';
import { FlaskConical } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { useCall } from '../live.js';
import { Copy } from '../parts/copy.js';
import { faultWords } from '../parts/form-dialog.js';
import { Panel } from '../parts/panel.js';

const KUBECONFIG = `kube:
  clusters:
    - id: prod
      name: Production
      kubeconfig: /etc/trunkline/kubeconfig
      mode: shared`;
const IN_CLUSTER = `kube:
  clusters:
    - id: here
      inCluster: true
      mode: impersonate`;

export function ClusterAdd({
  operator,
  onStarted,
}: {
  readonly operator: boolean;
  readonly onStarted: () => void;
}) {
  return (
    <>
      {operator && <Demo onStarted={onStarted} />}
      <Panel title="Connect a cluster">
        <Text size="sm" c="dimmed" maw={720}>
          {operator
            ? 'Clusters are named in the configuration of the server, which reads them when it starts. Orgs other than that of this console see a cluster once their record names it, under Orgs.'
            : 'Your org sees no cluster. Whoever runs this server connects clusters in its configuration and names them in the record of the org.'}
        </Text>
        {operator && (
          <div className="tl-ways">
            <Way title="With a kubeconfig" yaml={KUBECONFIG}>
              <code>shared</code> lets everybody act with the credential of the kubeconfig, which is for
              development; with <code>impersonate</code> each user’s own rights count; with <code>own</code>{' '}
              each user leaves a credential.
            </Way>
            <Way title="The cluster that the server runs in" yaml={IN_CLUSTER}>
              Uses the service account of the pod. It needs the verb <code>impersonate</code> for users and
              groups, and rights to list and watch what is to be shown.
            </Way>
          </div>
        )}
      </Panel>
    </>
  );
}

function Way({
  title,
  yaml,
  children,
}: {
  readonly title: string;
  readonly yaml: string;
  readonly children: ReactNode;
}) {
  return (
    <section className="tl-way" aria-label={title}>
      <div className="tl-way-head">
        <h3>{title}</h3>
        <Copy text={() => yaml} what="the configuration" />
      </div>
      <pre className="tl-pre" tabIndex={0} aria-label={`Configuration: ${title}`}>
        {yaml}
      </pre>
      <p className="tl-hint">{children}</p>
    </section>
  );
}

function Demo({ onStarted }: { readonly onStarted: () => void }) {
  const call = useCall();
  const [state, setState] = useState<'idle' | 'starting' | { readonly fault: string }>('idle');
  const start = (): void => {
    setState('starting');
    call('kube.demo', { run: true }).then(onStarted, (error: unknown) =>
      setState({ fault: faultWords(error) }),
    );
  };
  const starting = state === 'starting';
  return (
    <section className="tl-panel tl-demo" aria-label="Demo cluster">
      <span className="tl-notice-icon" aria-hidden="true">
        <FlaskConical size={22} strokeWidth={1.75} />
      </span>
      <div className="tl-grow">
        <Text fw={600}>Look around in a simulated cluster</Text>
        <Text size="sm" c="dimmed" maw={640}>
          An API server inside this server’s process, with thousands of pods that roll out, crash and scale.
          Nothing in it is real, and everything that shows it says so.
        </Text>
        {typeof state === 'object' && (
          <p className="tl-fault" role="alert">
            {state.fault}
          </p>
        )}
      </div>
      <Button
        leftSection={
          starting ? <Loader size={14} color="currentColor" /> : <FlaskConical size={16} aria-hidden="true" />
        }
        disabled={starting}
        onClick={start}
      >
        {starting ? 'Starting' : 'Start demo cluster'}
      </Button>
    </section>
  );
}
