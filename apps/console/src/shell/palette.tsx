/** Ctrl-K: go anywhere, open any channel, enter another org, change the colours. What is typed is itself a channel that can be opened, and it stands
 * before the channels found, which arrive later: what is selected must not move under the Enter key. */
import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { Spotlight, spotlight, type SpotlightActionData } from '@mantine/spotlight';
import { Building2, LogOut, Moon, Radio, Search, Sun } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useCall } from '../live.js';
import { navigate } from '../router.js';
import { useSwitch } from '../org-switch.js';
import type { OrgChoice, Session } from '../session.js';
import { placesOf } from './places.js';

const CHANNELS_SHOWN = 8;
const PAUSE_MS = 150;

export interface PaletteProps {
  readonly opened: boolean;
  readonly session: Session;
  readonly orgs: readonly OrgChoice[];
  readonly onClose: () => void;
  readonly onSignOut: () => void;
}

export function Palette({ opened, session, orgs, onClose, onSignOut }: PaletteProps) {
  const enter = useSwitch();
  const [query, setQuery] = useState('');
  useEffect(() => (opened ? spotlight.open() : spotlight.close()), [opened]);
  const channels = useChannelNames(query.trim(), opened);
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme() === 'dark';
  const typed = query.trim();
  const actions: SpotlightActionData[] = [
    ...placesOf(session).map(({ route, label, icon: Icon, hint, keywords }) => ({
      id: `go-${route.screen}`,
      label,
      description: hint,
      keywords,
      leftSection: <Icon size={18} aria-hidden="true" />,
      onClick: () => navigate(route),
    })),
    ...orgs
      .filter(({ org }) => org !== session.org)
      .map(({ org, name }) => ({
        id: `org-${org}`,
        label: `Switch to ${name}`,
        description: 'Another org',
        keywords: `org tenant ${org}`,
        leftSection: <Building2 size={18} aria-hidden="true" />,
        onClick: () => enter(org),
      })),
    {
      id: 'theme',
      label: dark ? 'Use light colours' : 'Use dark colours',
      leftSection: dark ? <Sun size={18} aria-hidden="true" /> : <Moon size={18} aria-hidden="true" />,
      keywords: 'theme dark light',
      onClick: () => setColorScheme(dark ? 'light' : 'dark'),
    },
    {
      id: 'sign-out',
      label: 'Sign out',
      leftSection: <LogOut size={18} aria-hidden="true" />,
      onClick: onSignOut,
    },
  ];
  const matching = actions
    .map((action) => ({ action, rank: rankOf(action, typed.toLowerCase()) }))
    .filter(({ rank }) => rank < NO_MATCH)
    .sort((left, right) => left.rank - right.rank)
    .map(({ action }) => action);
  const found: SpotlightActionData[] = channels
    .filter((name) => name !== typed)
    .map((name) => ({
      id: `channel-${name}`,
      label: name,
      description: 'Channel with readers',
      leftSection: <Radio size={18} aria-hidden="true" />,
      onClick: () => navigate({ screen: 'channel', channel: name }),
    }));
  const exact: SpotlightActionData[] =
    typed === ''
      ? []
      : [
          {
            id: 'open-typed',
            label: `Open channel ${typed}`,
            leftSection: <Radio size={18} aria-hidden="true" />,
            onClick: () => navigate({ screen: 'channel', channel: typed }),
          },
        ];
  return (
    <Spotlight
      attributes={{ content: { 'aria-label': 'Go to, or name a channel' } }}
      actions={[...matching, ...exact, ...found]}
      filter={(_query, all) => all}
      query={query}
      onQueryChange={setQuery}
      onSpotlightClose={onClose}
      shortcut={null}
      searchProps={{
        leftSection: <Search size={18} aria-hidden="true" />,
        placeholder: 'Go to, or name a channel',
        'aria-label': 'Go to, or name a channel',
      }}
      nothingFound="Nothing of that name"
      scrollable
      // Reached and scrolled by keyboard, too.
      scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}
      maxHeight={420}
    />
  );
}

const NO_MATCH = 3;

/** What begins with the text comes first, then what has it in its name, then what it describes. Equals keep their order. */
function rankOf({ label = '', description = '', keywords = '' }: SpotlightActionData, text: string): number {
  const name = label.toLowerCase();
  if (name.startsWith(text)) return 0;
  if (name.includes(text)) return 1;
  return `${description} ${String(keywords)}`.toLowerCase().includes(text) ? 2 : NO_MATCH;
}

function useChannelNames(typed: string, opened: boolean): readonly string[] {
  const call = useCall();
  const [names, setNames] = useState<readonly string[]>([]);
  useEffect(() => {
    if (!opened || typed === '') {
      setNames([]);
      return undefined;
    }
    let over = false;
    const timer = setTimeout(() => {
      call('node.channels', { pattern: `*${typed}*`, limit: CHANNELS_SHOWN }).then(
        ({ channels }) => !over && setNames(channels.map((one) => one.channel)),
        () => !over && setNames([]),
      );
    }, PAUSE_MS);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [call, opened, typed]);
  return names;
}
