/** The places of the console, in the order of the menus. */
import {
  Activity,
  Cable,
  FolderTree,
  ListTree,
  MessageCircleQuestion,
  Radio,
  Server,
  type LucideIcon,
} from 'lucide-react';
import type { Route } from '../router.js';

export interface Place {
  readonly route: Route;
  readonly label: string;
  readonly hint: string;
  /** Further words the palette finds it by. */
  readonly keywords: string;
  readonly icon: LucideIcon;
  /** Screens that belong to it. */
  readonly screens: readonly Route['screen'][];
  /** Stands in the bar of narrow screens; the others are behind "More". */
  readonly first: boolean;
}

export const PLACES: readonly Place[] = [
  {
    route: { screen: 'overview' },
    label: 'Overview',
    hint: 'Live numbers and charts',
    keywords: 'metrics latency memory errors',
    icon: Activity,
    screens: ['overview'],
    first: true,
  },
  {
    route: { screen: 'channels' },
    label: 'Channels',
    hint: 'Readers, history, publish',
    keywords: 'inspector map presence tail',
    icon: Radio,
    screens: ['channels', 'channel'],
    first: true,
  },
  {
    route: { screen: 'connections' },
    label: 'Connections',
    hint: 'Clients, their subscriptions and outboxes',
    keywords: 'users sockets disconnect',
    icon: Cable,
    screens: ['connections'],
    first: true,
  },
  {
    route: { screen: 'events' },
    label: 'Events',
    hint: 'Refusals, cuts, gaps, disconnects, as they happen',
    keywords: 'feed denied overflow log',
    icon: ListTree,
    screens: ['events'],
    first: true,
  },
  {
    route: { screen: 'why' },
    label: 'Why not?',
    hint: 'Why somebody did not get a message',
    keywords: 'diagnose explain missing denied gap behind',
    icon: MessageCircleQuestion,
    screens: ['why'],
    first: false,
  },
  {
    route: { screen: 'namespaces' },
    label: 'Namespaces',
    hint: 'The rules channels follow',
    keywords: 'options permissions history recovery limits',
    icon: FolderTree,
    screens: ['namespaces'],
    first: false,
  },
  {
    route: { screen: 'node' },
    label: 'Node',
    hint: 'Version, ways in, limits, configuration',
    keywords: 'uptime transports settings',
    icon: Server,
    screens: ['node'],
    first: false,
  },
];
