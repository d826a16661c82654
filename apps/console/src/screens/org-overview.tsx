/** What an org does on all nodes, for its administrators: nothing in it counts another org, or the machine. */
import { SimpleGrid } from '@mantine/core';
import { ArrowDownUp, Cable, Gauge, Radio, Users } from 'lucide-react';
import { useMemo, useState } from 'react';
import { formatBytes, formatCount, formatRate, plural } from '../format.js';
import { Page } from '../parts/page.js';
import { Stat } from '../parts/stat.js';
import { pointsOf, useOrgSamples, type Range } from '../samples.js';
import { Trend } from './charts.js';
import { Denied, Ranges, shownContinuity, sourceOf } from './overview-parts.js';

export function OrgOverview({ org }: { readonly org: string }) {
  const { kept, latest, trend, continuity, trendContinuity } = useOrgSamples();
  const [range, setRange] = useState<Range>('5min');
  const points = useMemo(() => pointsOf(range, kept, trend), [range, kept, trend]);
  const chart = { points, range };
  return (
    <Page
      title="Overview"
      name="Overview"
      continuity={shownContinuity(range, continuity, trendContinuity)}
      source={sourceOf(range, 'node:org-stats')}
      lead={`What org ${org} does on all nodes. A node’s own numbers are for operators.`}
      actions={<Ranges value={range} onChange={setRange} />}
    >
      {latest === undefined && continuity.state === 'failed' ? (
        <Denied reason={continuity.reason} />
      ) : (
        <>
          <SimpleGrid cols={{ base: 2, md: 3, xl: 5 }} spacing="var(--tl-gap)">
            <Stat
              icon={Cable}
              label="Connections"
              value={latest && formatCount(latest.connections)}
              note={latest && 'on this node'}
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
              icon={ArrowDownUp}
              label="Messages out / s"
              value={latest && formatRate(latest.messagesOutPerSecond)}
              note={latest && `${formatRate(latest.messagesInPerSecond)}/s in`}
            />
            <Stat
              icon={Gauge}
              label="Readers behind"
              value={latest && formatCount(latest.behind)}
              note={latest && (latest.complete ? `${formatBytes(latest.outboxBytes)} waiting` : 'of a part')}
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
              title="Messages per second"
              format={formatRate}
              lines={[
                { label: 'to clients', path: 'messagesOutPerSecond' },
                { label: 'from clients', path: 'messagesInPerSecond' },
              ]}
            />
            <Trend
              {...chart}
              title="Bytes per second"
              format={formatBytes}
              lines={[
                { label: 'to clients', path: 'bytesOutPerSecond' },
                { label: 'from clients', path: 'bytesInPerSecond' },
              ]}
            />
            <Trend
              {...chart}
              title="Waiting in outboxes"
              format={formatBytes}
              lines={[{ label: 'outboxes', path: 'outboxBytes' }]}
            />
            <Trend
              {...chart}
              title="Readers behind"
              format={formatCount}
              tones={[3]}
              lines={[{ label: 'subscriptions', path: 'behind' }]}
            />
          </SimpleGrid>
        </>
      )}
    </Page>
  );
}
