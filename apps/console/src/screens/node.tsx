/** The node and the rules of its channels: every namespace with its options and who may do what. */
import type { NamespaceSummary } from '@trunkline/contracts/node';
import { SimpleGrid } from '@mantine/core';
import { FolderTree } from 'lucide-react';
import { useAsked } from '../asked.js';
import { formatDateTime, formatDuration } from '../format.js';
import { Facts, type Fact } from '../parts/facts.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { Panel } from '../parts/panel.js';
import { historyWords, keepsHistory, slowReaderWords } from './words.js';

const REFRESH_MS = 15_000;

export function Node() {
  const { data, error, continuity, ask } = useAsked('node.info', {}, REFRESH_MS);
  const now = useNow();
  return (
    <Page
      title="Node"
      name="Node"
      continuity={continuity}
      source="node.info"
      lead="What runs, and the rules its channels follow."
    >
      {data === undefined ? (
        <div className="tl-panel">
          {error ? (
            <Failure title="The node cannot be read" reason={error.message} retry={ask} />
          ) : (
            <Waiting label="Loading the node" rows={8} />
          )}
        </div>
      ) : (
        <>
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="var(--tl-gap)">
            <Panel title="Server">
              <Facts
                columns={1}
                facts={[
                  ['Node id', <code className="tl-break">{data.nodeId}</code>],
                  ['Version', data.version],
                  ['Runs on', data.runtime],
                  ['Started', formatDateTime(data.startedAtMs)],
                  ['Up', <span className="tl-num">{formatDuration(now - data.startedAtMs)}</span>],
                ]}
              />
            </Panel>
            <Panel title="You">
              <Facts
                columns={1}
                facts={[
                  ['User', data.user === '' ? 'anonymous' : data.user],
                  ['Org', data.org],
                  ['Roles', data.roles.length === 0 ? 'none' : data.roles.join(', ')],
                ]}
              />
            </Panel>
          </SimpleGrid>
          {data.namespaces.length === 0 ? (
            <div className="tl-panel">
              <Empty icon={FolderTree} title="No namespaces">
                Channels need one. Add it to the configuration file, under <code>namespaces</code>.
              </Empty>
            </div>
          ) : (
            <section aria-labelledby="namespaces">
              <h2 id="namespaces" className="tl-section">
                Namespaces
              </h2>
              <div className="tl-namespaces">
                {data.namespaces.map((one) => (
                  <Namespace key={one.name} namespace={one} />
                ))}
              </div>
            </section>
          )}
        </>
      )}
    </Page>
  );
}

function Namespace({ namespace: one }: { readonly namespace: NamespaceSummary }) {
  const facts: Fact[] = [
    [
      'Numbered by',
      { live: 'the broker', durable: 'the store', local: 'a module on this node' }[one.class] ?? one.class,
    ],
    ['History', historyWords(one)],
    [
      'Recovery',
      one.forceRecovery
        ? `always, ${one.recoveryMode}`
        : one.type !== 'stream' || keepsHistory(one)
          ? `on request, ${one.recoveryMode}`
          : 'none',
    ],
    ['Slow readers', slowReaderWords(one.overflow)],
    ['Presence', one.presence ? (one.joinLeave ? 'kept, joins and leaves told' : 'kept') : 'not kept'],
    ['Subscribe', who(one.allowSubscribe)],
    ['Publish', who(one.allowPublish)],
    ['See presence', who(one.allowPresence)],
    ['Read history', who(one.allowHistory)],
  ];
  return (
    <Panel
      title={titleOf(one.name)}
      aside={
        <span className="tl-chips">
          <span className="tl-chip">{one.type}</span>
          <span className="tl-chip">{one.class}</span>
        </span>
      }
    >
      <Facts facts={facts} columns={1} />
    </Panel>
  );
}

function titleOf(name: string): string {
  if (name === '') return 'default (names without a colon)';
  return name === '*' ? '* (any other prefix)' : `${name}:`;
}

function who(audiences: readonly string[]): string {
  return audiences.length === 0 ? 'nobody without a capability' : audiences.join(', ');
}
