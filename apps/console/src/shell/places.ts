/** The places of the console, in the order of the menus. */
import { Activity, Cable, Radio, Server, type LucideIcon } from 'lucide-react';
import type { Route } from '../router.js';

export interface Place {
  readonly route: Route;
  readonly label: string;
  readonly hint: string;
  readonly icon: LucideIcon;
  /** Screens that belong to it. */
  readonly screens: readonly Route['screen'][];
}

export const PLACES: readonly Place[] = [
  {
    route: { screen: 'overview' },
    label: 'Overview',
    hint: 'Live numbers',
    icon: Activity,
    screens: ['overview'],
  },
  {
    route: { screen: 'channels' },
    label: 'Channels',
    hint: 'Readers, history, publish',
    icon: Radio,
    screens: ['channels', 'channel'],
  },
  {
    route: { screen: 'connections' },
    label: 'Connections',
    hint: 'Clients and why a message is missing',
    icon: Cable,
    screens: ['connections'],
  },
  {
    route: { screen: 'node' },
    label: 'Node',
    hint: 'Namespaces and options',
    icon: Server,
    screens: ['node'],
  },
];
