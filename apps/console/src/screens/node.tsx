/** The node: what runs and for how long, where connections are opened, what bounds them, and the configuration in effect. */
import { Anchor, SegmentedControl, SimpleGrid } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { Settings2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useAsked, type Result } from '../asked.js';
import { formatDateTime, formatDuration, plural } from '../format.js';
import { Facts } from '../parts/facts.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { Panel } from '../parts/panel.js';
import { SearchField } from '../parts/search-field.js';
import { useTopOf } from '../parts/virtual.js';
import { toHash } from '../router.js';
import { seesNode, type Session } from '../session.js';
import { limitGroups } from './limit-words.js';

const REFRESH_MS = 15_000;

const TRANSPORTS: Readonly<Record<string, string>> = {
  websocket: 'WebSocket',
  http_stream: 'HTTP stream',
  sse: 'SSE',
  uni_sse: 'SSE, one way',
};

type Info = Result<'node.info'>;
type Configured = Result<'node.configuration'>['values'][number];

export function Node({ session }: { readonly session: Session }) {
  const { data, error, continuity, ask } = useAsked('node.info', {}, REFRESH_MS);
  return (
    <Page
      title="Node"
      name="Node"
      continuity={continuity}
      source="node.info"
      lead="What runs, where clients come in, and what bounds them."
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
          <Identity info={data} />
          <Nodes info={data} />
          <Limits info={data} />
          {seesNode(session) ? (
            <Configuration />
          ) : (
            <div className="tl-panel">
              <Empty icon={Settings2} title="The configuration is for operators">
                You administer org {data.org}. The rules of its channels are under{' '}
                <Anchor href={toHash({ screen: 'namespaces' })} size="sm">
                  Namespaces
                </Anchor>
                .
              </Empty>
            </div>
          )}
        </>
      )}
    </Page>
  );
}

function Identity({ info }: { readonly info: Info }) {
  const now = useNow();
  return (
    <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }} spacing="var(--tl-gap)">
      <Panel title="Server">
        <Facts
          columns={1}
          facts={[
            ['Node id', <code className="tl-break">{info.nodeId}</code>],
            ['Version', info.version],
            ['Runs on', info.runtime],
            ['Started', formatDateTime(info.startedAtMs)],
            ['Up', <span className="tl-num">{formatDuration(now - info.startedAtMs)}</span>],
          ]}
        />
      </Panel>
      <Panel title="Ways in">
        <Facts
          columns={1}
          facts={info.endpoints.map(({ path, transport }) => [
            TRANSPORTS[transport] ?? transport,
            <code className="tl-break">{path}</code>,
          ])}
        />
      </Panel>
      <Panel title="You">
        <Facts
          columns={1}
          facts={[
            ['User', info.user === '' ? 'anonymous' : info.user],
            ['Org', info.org],
            ['Roles', info.roles.length === 0 ? 'none' : info.roles.join(', ')],
            ['Permissions', info.insecure ? 'off: client.insecure' : 'by namespace and token'],
          ]}
        />
      </Panel>
    </SimpleGrid>
  );
}

/** All nodes of the deployment, where there are several. */
function Nodes({ info: { nodes = [], incomplete = [] } }: { readonly info: Info }) {
  if (nodes.length < 2 && incomplete.length === 0) return null;
  return (
    <Panel title="Nodes">
      <Facts
        columns={1}
        facts={[
          ...nodes.map(
            ({ nodeId, name, version, uptimeMs, connections, subscriptions }) =>
              [
                name === nodeId ? name : `${name} (${nodeId})`,
                <span className="tl-num">
                  {version}, up {formatDuration(uptimeMs)}, {plural(connections, 'connection')},{' '}
                  {plural(subscriptions, 'subscription')}
                </span>,
              ] as const,
          ),
          ...incomplete.map((nodeId) => [nodeId, 'did not answer'] as const),
        ]}
      />
    </Panel>
  );
}

function Limits({ info }: { readonly info: Info }) {
  return (
    <section aria-labelledby="limits">
      <h2 id="limits" className="tl-section">
        Limits
      </h2>
      <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }} spacing="var(--tl-gap)">
        {limitGroups(info.limits).map(({ title, limits }) => (
          <Panel key={title} title={title}>
            <Facts
              columns={1}
              facts={limits.map(({ label, value }) => [label, <span className="tl-num">{value}</span>])}
            />
          </Panel>
        ))}
      </SimpleGrid>
    </section>
  );
}

function Configuration() {
  const { data, error, ask } = useAsked('node.configuration', {}, 0);
  const [search, setSearch] = useState('');
  const [which, setWhich] = useState('set');
  const values = data?.values;
  const shown = useMemo(
    () => narrow(values ?? [], which === 'set', search.trim().toLowerCase()),
    [values, which, search],
  );
  return (
    <section aria-labelledby="configuration">
      <h2 id="configuration" className="tl-section">
        Configuration in effect
      </h2>
      <div className="tl-toolbar tl-above">
        <SearchField
          label="Search the configuration"
          placeholder="Search names, values, sources"
          value={search}
          onChange={setSearch}
        />
        <SegmentedControl
          aria-label="Which values"
          value={which}
          onChange={setWhich}
          data={[
            { value: 'set', label: 'Set by somebody' },
            { value: 'all', label: 'All' },
          ]}
        />
      </div>
      <div className="tl-panel">
        {data === undefined ? (
          error ? (
            <Failure title="The configuration cannot be read" reason={error.message} retry={ask} />
          ) : (
            <Waiting label="Loading the configuration" rows={6} />
          )
        ) : shown.length === 0 ? (
          <Empty icon={Settings2} title={search === '' ? 'Everything is default' : 'No value matches'}>
            {search === '' && 'No file, variable or flag set anything.'}
          </Empty>
        ) : (
          <Values values={shown} />
        )}
      </div>
      {data && (
        <p className="tl-foot tl-num tl-below">
          {plural(shown.length, 'value')} of {data.values.length}; secrets are not sent.
        </p>
      )}
    </section>
  );
}

/** Only the rows on screen exist. */
function Values({ values }: { readonly values: readonly Configured[] }) {
  const [box, top] = useTopOf<HTMLUListElement>();
  const virtual = useWindowVirtualizer({
    count: values.length,
    estimateSize: () => 40,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (index) => values[index]?.path ?? index,
  });
  return (
    <ul ref={box} className="tl-list" style={{ height: virtual.getTotalSize() }} aria-label="Configuration">
      {virtual.getVirtualItems().map((item) => {
        const one = values[item.index];
        if (!one) return null;
        return (
          <li
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
          >
            <div className="tl-config">
              <code className="tl-break">{one.path}</code>
              <code className="tl-break tl-config-value">{one.value === '' ? 'not set' : one.value}</code>
              <span className="tl-faint tl-break">{one.source}</span>
            </div>
          </li>
        );
      })}
    </ul>
  );
}

function narrow(values: readonly Configured[], set: boolean, text: string): readonly Configured[] {
  return values.filter(
    ({ path, value, source }) =>
      (!set || !source.startsWith('default')) && `${path} ${value} ${source}`.toLowerCase().includes(text),
  );
}
