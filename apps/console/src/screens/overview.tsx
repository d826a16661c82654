/** How the node is: numbers that move over the product's own channel. Administrators see their org, operators the node. */
import type { NodeStatsSample, OrgStatsSample, StatsSample } from '@trunkline/contracts/node';
import { SimpleGrid, Skeleton, Text } from '@mantine/core';
import {
  Activity,
  type LucideIcon,
  Cable,
  Gauge,
  MemoryStick,
  Radio,
  Send,
  Timer,
  Users,
} from 'lucide-react';
import type { ReactNode } from 'react';
import { formatBytes, formatCount, formatDuration, formatMs, formatRate, plural } from '../format.js';
import { Chart } from '../parts/chart.js';
import type { Series } from '../parts/chart-model.js';
import { Facts } from '../parts/facts.js';
import { Failure } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { Panel } from '../parts/panel.js';
import { SPAN_MS, toColumns, useNodeSamples, useOrgSamples } from '../samples.js';
import type { Session } from '../session.js';

export function Overview({ session }: { readonly session: Session }) {
  return session.roles.includes('operator') ? <NodeOverview /> : <OrgOverview org={session.org} />;
}

function NodeOverview() {
  const { kept, latest, continuity } = useNodeSamples();
  const known = continuity.state !== 'failed' || latest !== undefined;
  return (
    <Page
      title="Overview"
      name="Overview"
      continuity={continuity}
      source="node:stats"
      lead={latest ? <NodeLine sample={latest} /> : 'The node’s numbers, once a second.'}
    >
      {!known && continuity.state === 'failed' ? (
        <Failure title="The numbers cannot be read" reason={continuity.reason} />
      ) : (
        <>
          <SimpleGrid cols={{ base: 2, md: 3, xl: 6 }} spacing="var(--tl-gap)">
            <Stat
              icon={Cable}
              label="Connections"
              value={latest && formatCount(latest.connections)}
              note={latest && `${plural(latest.users, 'user')}, ${plural(latest.orgs, 'org')}`}
            />
            <Stat
              icon={Radio}
              label="Channels"
              value={latest && formatCount(latest.channels)}
              note={latest && plural(latest.subscriptions, 'subscription')}
            />
            <Stat
              icon={Send}
              label="Messages / s"
              value={latest && formatRate(latest.publicationsPerSecond)}
              note={latest && `${formatCount(latest.publications)} in all`}
            />
            <Stat
              icon={Activity}
              label="Deliveries / s"
              value={latest && formatRate(latest.deliveriesPerSecond)}
              note={latest && `${formatBytes(latest.bytesOutPerSecond)}/s out`}
            />
            <Stat
              icon={Timer}
              label="Latency p99"
              value={latest && formatMs(latest.deliveryLatencyMs.p99)}
              note={latest && `p50 ${formatMs(latest.deliveryLatencyMs.p50)}`}
            />
            <Stat
              icon={MemoryStick}
              label="Memory"
              value={latest && formatBytes(latest.memory?.rssBytes ?? 0)}
              note={latest && `heap ${formatBytes(latest.memory?.heapUsedBytes ?? 0)}`}
            />
          </SimpleGrid>
          <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }} spacing="var(--tl-gap)">
            <Trend
              title="Connections"
              samples={kept}
              format={formatCount}
              lines={[
                line('connections', 1, (one) => one.connections),
                line('subscriptions', 2, (one) => one.subscriptions),
              ]}
            />
            <Trend
              title="Messages per second"
              samples={kept}
              format={formatRate}
              lines={[
                rate('published', 1, (one) => one.publicationsPerSecond),
                rate('commands', 2, (one) => one.commandsPerSecond),
              ]}
            />
            <Trend
              title="Deliveries per second"
              samples={kept}
              format={formatRate}
              lines={[rate('delivered', 1, (one) => one.deliveriesPerSecond)]}
            />
            <Trend
              title="Delivery latency"
              samples={kept}
              format={formatMs}
              lines={[
                line('p50', 1, (one) => one.deliveryLatencyMs.p50),
                line('p99', 3, (one) => one.deliveryLatencyMs.p99),
              ]}
            />
            <Trend
              title="Memory"
              samples={kept}
              format={formatBytes}
              lines={[
                line('resident', 1, (one) => one.memory?.rssBytes ?? null),
                line('heap', 2, (one) => one.memory?.heapUsedBytes ?? null),
              ]}
            />
            <Trend
              title="Event loop delay"
              samples={kept}
              format={formatMs}
              lines={[line('delay', 1, (one) => one.eventLoopDelayMs ?? null)]}
            />
          </SimpleGrid>
          {latest && <Faults sample={latest} />}
        </>
      )}
    </Page>
  );
}

function OrgOverview({ org }: { readonly org: string }) {
  const { kept, latest, continuity } = useOrgSamples();
  return (
    <Page
      title="Overview"
      name="Overview"
      continuity={continuity}
      source="node:org-stats"
      lead={`What org ${org} does on this node. The node’s own numbers are for operators.`}
    >
      {latest === undefined && continuity.state === 'failed' ? (
        <Failure title="The numbers cannot be read" reason={continuity.reason} />
      ) : (
        <>
          <SimpleGrid cols={{ base: 2, md: 4 }} spacing="var(--tl-gap)">
            <Stat
              icon={Cable}
              label="Connections"
              value={latest && formatCount(latest.connections)}
              note={latest && (latest.complete ? 'on this node' : 'other numbers are of a part')}
            />
            <Stat
              icon={Users}
              label="Users"
              value={latest && formatCount(latest.users)}
              note={latest && 'signed in'}
            />
            <Stat
              icon={Radio}
              label="Channels"
              value={latest && formatCount(latest.channels)}
              note={latest && plural(latest.subscriptions, 'subscription')}
            />
            <Stat
              icon={Gauge}
              label="Behind"
              value={latest && formatCount(latest.behind)}
              note={latest && `${formatBytes(latest.outboxBytes)} waiting`}
            />
          </SimpleGrid>
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="var(--tl-gap)">
            <Trend
              title="Connections"
              samples={kept}
              format={formatCount}
              lines={[
                orgLine('connections', 1, (one) => one.connections),
                orgLine('subscriptions', 2, (one) => one.subscriptions),
              ]}
            />
            <Trend
              title="Waiting to be sent"
              samples={kept}
              format={formatBytes}
              lines={[orgLine('outbox', 1, (one) => one.outboxBytes)]}
            />
          </SimpleGrid>
        </>
      )}
    </Page>
  );
}

function NodeLine({ sample }: { readonly sample: NodeStatsSample }) {
  const now = useNow();
  return (
    <>
      Node <code>{sample.nodeId}</code>, up {formatDuration(now - sample.startedAtMs)}
      {sample.cpuPercent !== undefined && (
        <span className="tl-num">, CPU {Math.round(sample.cpuPercent)} %</span>
      )}
    </>
  );
}

function Stat({
  icon: Icon,
  label,
  value,
  note,
}: {
  readonly icon: LucideIcon;
  readonly label: string;
  readonly value: string | undefined;
  readonly note: ReactNode;
}) {
  return (
    <div className="tl-panel tl-stat">
      <span className="tl-stat-label">
        <Icon size={15} strokeWidth={1.9} aria-hidden="true" />
        {label}
      </span>
      {value === undefined ? (
        <Skeleton height={26} width="60%" my={4} radius="sm" />
      ) : (
        <span className="tl-stat-value tl-num">{value}</span>
      )}
      {value === undefined ? (
        <Skeleton height={12} width="80%" radius="sm" />
      ) : (
        <span className="tl-stat-note tl-num">{note}</span>
      )}
    </div>
  );
}

interface Line<T> {
  readonly label: string;
  readonly tone: Series['tone'];
  readonly pick: (sample: T) => number | null;
}

const line = (
  label: string,
  tone: Series['tone'],
  pick: Line<NodeStatsSample>['pick'],
): Line<NodeStatsSample> => ({ label, tone, pick });
/** A rate is unknown in a sample that measured none. */
const rate = (
  label: string,
  tone: Series['tone'],
  pick: Line<NodeStatsSample>['pick'],
): Line<NodeStatsSample> => line(label, tone, (sample) => (sample.intervalMs === 0 ? null : pick(sample)));
const orgLine = (
  label: string,
  tone: Series['tone'],
  pick: Line<OrgStatsSample>['pick'],
): Line<OrgStatsSample> => ({ label, tone, pick });

function Trend<T extends StatsSample>({
  title,
  samples,
  format,
  lines,
}: {
  readonly title: string;
  readonly samples: readonly T[];
  readonly format: (value: number) => string;
  readonly lines: readonly Line<T>[];
}) {
  const { times, columns } = toColumns(
    samples,
    lines.map((one) => one.pick),
  );
  return (
    <Chart
      title={title}
      times={times}
      format={format}
      spanMs={SPAN_MS}
      binary={format === formatBytes}
      series={lines.map(({ label, tone }, index) => ({ label, tone, values: columns[index] ?? [] }))}
    />
  );
}

function Faults({ sample }: { readonly sample: NodeStatsSample }) {
  const { overflows, recoveries } = sample;
  return (
    <Panel
      title="Since start"
      aside={
        <Text size="xs" c="dimmed">
          what did not go smoothly
        </Text>
      }
    >
      <Facts
        facts={[
          [
            'Recoveries',
            `${formatCount(recoveries.recovered)} without loss, ${formatCount(recoveries.unrecovered)} by a new snapshot`,
          ],
          [
            'Slow readers',
            `${formatCount(overflows.recover)} cut off, ${formatCount(overflows.latest)} conflated, ${formatCount(overflows.gap)} told of a gap, ${formatCount(overflows.close)} closed`,
          ],
          ['Denied', formatCount(sample.denials)],
          ['Errors', `${formatRate(sample.errorsPerSecond)} per second`],
          ['Waiting to be sent', formatBytes(sample.outboxBytes)],
          ['Deliveries', formatCount(sample.deliveries)],
        ]}
      />
    </Panel>
  );
}
