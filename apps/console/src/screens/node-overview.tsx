/** How the node is: its numbers and charts, and what did not go smoothly since it started. For operators. */
import type { NodeStatsSample } from '@trunkline/contracts/node';
import { Anchor, SimpleGrid, Text } from '@mantine/core';
import { Activity, Cable, MemoryStick, Radio, Send, Timer } from 'lucide-react';
import { useMemo, useState, type ReactNode } from 'react';
import { formatBytes, formatCount, formatDuration, formatMs, formatRate, plural } from '../format.js';
import { Facts } from '../parts/facts.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { Panel } from '../parts/panel.js';
import { Stat } from '../parts/stat.js';
import { toHash } from '../router.js';
import { pointsOf, useNodeSamples, type Range } from '../samples.js';
import { ErrorTrend, Trend } from './charts.js';
import { closeCodeWords, codeWords } from './codes.js';
import { Denied, Ranges, shownContinuity, sourceOf } from './overview-parts.js';

export function NodeOverview() {
  const { kept, latest, trend, continuity, trendContinuity } = useNodeSamples();
  const [range, setRange] = useState<Range>('5min');
  const points = useMemo(() => pointsOf(range, kept, trend), [range, kept, trend]);
  const chart = { points, range };
  return (
    <Page
      title="Overview"
      name="Overview"
      continuity={shownContinuity(range, continuity, trendContinuity)}
      source={sourceOf(range, 'node:stats')}
      lead={latest ? <NodeLine sample={latest} /> : 'The node’s numbers, once a second.'}
      actions={<Ranges value={range} onChange={setRange} />}
    >
      {latest === undefined && continuity.state === 'failed' ? (
        <Denied reason={continuity.reason} />
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
              label="Published / s"
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
              {...chart}
              title="Connections"
              format={formatCount}
              lines={[
                { label: 'connections', path: 'connections' },
                { label: 'subscriptions', path: 'subscriptions' },
              ]}
            />
            <Trend
              {...chart}
              title="Publications per second"
              format={formatRate}
              lines={[
                { label: 'published', path: 'publicationsPerSecond' },
                { label: 'commands', path: 'commandsPerSecond' },
              ]}
            />
            <Trend
              {...chart}
              title="Deliveries per second"
              format={formatRate}
              lines={[{ label: 'delivered', path: 'deliveriesPerSecond' }]}
            />
            <Trend
              {...chart}
              title="Delivery latency"
              format={formatMs}
              tones={[1, 3]}
              lines={[
                { label: 'p50', path: 'deliveryLatencyMs.p50' },
                { label: 'p99', path: 'deliveryLatencyMs.p99' },
              ]}
            />
            <Trend
              {...chart}
              title="Waiting in outboxes"
              format={formatBytes}
              lines={[{ label: 'outboxes', path: 'outboxBytes' }]}
            />
            <ErrorTrend {...chart} format={formatRate} />
            <Trend
              {...chart}
              title="Event loop delay"
              format={formatMs}
              lines={[{ label: 'p99', path: 'eventLoopDelayMs' }]}
            />
            <Trend
              {...chart}
              title="Memory"
              format={formatBytes}
              lines={[
                { label: 'resident', path: 'memory.rssBytes' },
                { label: 'heap', path: 'memory.heapUsedBytes' },
              ]}
            />
            <Trend
              {...chart}
              title="CPU, of one core"
              format={formatPercent}
              lines={[{ label: 'used', path: 'cpuPercent' }]}
            />
          </SimpleGrid>
          {latest && <Faults sample={latest} />}
        </>
      )}
    </Page>
  );
}

function NodeLine({ sample }: { readonly sample: NodeStatsSample }) {
  const now = useNow();
  return (
    <span className="tl-num">
      Node <code>{sample.nodeId}</code>, up {formatDuration(now - sample.startedAtMs)}
      {sample.cpuPercent !== undefined && `, CPU ${Math.round(sample.cpuPercent)} %`}
    </span>
  );
}

/** What did not go smoothly, since the node started. */
function Faults({ sample }: { readonly sample: NodeStatsSample }) {
  const { overflows, recoveries } = sample;
  return (
    <SimpleGrid cols={{ base: 1, md: 3 }} spacing="var(--tl-gap)">
      <Panel title="Readers, since start" aside={<Events />}>
        <Facts
          columns={1}
          facts={[
            ['Recovered without loss', count(recoveries.recovered)],
            ['Took the state anew', count(recoveries.unrecovered)],
            ['Cut off, to come back by position', count(overflows.recover)],
            ['Older values replaced', count(overflows.latest)],
            ['Skipped, and told the range', count(overflows.gap)],
            ['Closed for being slow', count(overflows.close)],
          ]}
        />
      </Panel>
      <Panel title="Replies with an error, since start">
        <ByCode counts={sample.errors} words={codeWords} nothing="None." />
      </Panel>
      <Panel title="Connections ended, since start">
        <ByCode counts={sample.closes} words={closeCodeWords} nothing="None." />
      </Panel>
    </SimpleGrid>
  );
}

const CODES_SHOWN = 8;

function ByCode({
  counts,
  words,
  nothing,
}: {
  readonly counts: Readonly<Record<string, number>>;
  readonly words: (code: number) => string;
  readonly nothing: string;
}) {
  const all = Object.entries(counts).sort(([, left], [, right]) => right - left);
  if (all.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {nothing}
      </Text>
    );
  const rest = all.slice(CODES_SHOWN).reduce((sum, [, value]) => sum + value, 0);
  return (
    <Facts
      columns={1}
      facts={[
        ...all.slice(0, CODES_SHOWN).map(([code, value]) => [words(Number(code)), count(value)] as const),
        ...(rest > 0 ? [['others', count(rest)] as const] : []),
      ]}
    />
  );
}

function Events() {
  return (
    <Anchor href={toHash({ screen: 'events' })} size="sm">
      Events
    </Anchor>
  );
}

function count(value: number): ReactNode {
  return <span className="tl-num">{formatCount(value)}</span>;
}

function formatPercent(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}
