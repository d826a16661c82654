/** The places of the console, in the order of the menus. */
import {
  Activity,
  Boxes,
  Building2,
  Cable,
  FolderTree,
  KeyRound,
  ListTree,
  LockKeyhole,
  MessageCircleQuestion,
  Radio,
  ScrollText,
  Server,
  ShipWheel,
  UserRoundCog,
  Users,
  type LucideIcon,
} from 'lucide-react';
import type { Route } from '../router.js';
import { administers, seesNode, type Session } from '../session.js';

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
  /** Which part of the menu. */
  readonly part: Part;
  /** Whom it is shown to; absent: everybody. */
  readonly who?: 'admin' | 'operator';
}

export const PARTS = [
  { part: 'traffic', label: 'Traffic' },
  { part: 'kubernetes', label: 'Kubernetes' },
  { part: 'org', label: 'Org' },
  { part: 'installation', label: 'Installation' },
] as const;

export type Part = (typeof PARTS)[number]['part'];

/** The places that somebody may go to. The server decides what is answered there. */
export function placesOf(session: Session): readonly Place[] {
  const shown = { admin: administers(session), operator: seesNode(session) };
  return PLACES.filter(({ who }) => who === undefined || shown[who]);
}

const PLACES: readonly Place[] = [
  {
    route: { screen: 'overview' },
    label: 'Overview',
    hint: 'Live numbers and charts',
    keywords: 'metrics latency memory errors',
    icon: Activity,
    screens: ['overview'],
    first: true,
    part: 'traffic',
  },
  {
    route: { screen: 'channels' },
    label: 'Channels',
    hint: 'Readers, history, publish',
    keywords: 'inspector map presence tail',
    icon: Radio,
    screens: ['channels', 'channel'],
    first: true,
    part: 'traffic',
  },
  {
    route: { screen: 'connections' },
    label: 'Connections',
    hint: 'Clients, their subscriptions and outboxes',
    keywords: 'users sockets disconnect',
    icon: Cable,
    screens: ['connections'],
    first: true,
    part: 'traffic',
  },
  {
    route: { screen: 'events' },
    label: 'Events',
    hint: 'Refusals, cuts, gaps, disconnects, as they happen',
    keywords: 'feed denied overflow log',
    icon: ListTree,
    screens: ['events'],
    first: true,
    part: 'traffic',
  },
  {
    route: { screen: 'why' },
    label: 'Why not?',
    hint: 'Why somebody did not get a message',
    keywords: 'diagnose explain missing denied gap behind',
    icon: MessageCircleQuestion,
    screens: ['why'],
    first: false,
    part: 'traffic',
  },
  {
    route: { screen: 'namespaces' },
    label: 'Namespaces',
    hint: 'The rules channels follow',
    keywords: 'options permissions history recovery limits',
    icon: FolderTree,
    screens: ['namespaces'],
    first: false,
    part: 'traffic',
  },
  {
    route: { screen: 'resources' },
    label: 'Resources',
    hint: 'Pods, deployments and every other kind, live',
    keywords: 'kubernetes k8s pods nodes logs yaml objects',
    icon: Boxes,
    screens: ['resources'],
    first: false,
    part: 'kubernetes',
  },
  {
    route: { screen: 'clusters' },
    label: 'Clusters',
    hint: 'Reach, latency, watches and who shares them',
    keywords: 'kubernetes k8s api server reflectors demo kubeconfig',
    icon: ShipWheel,
    screens: ['clusters'],
    first: false,
    part: 'kubernetes',
  },
  {
    route: { screen: 'members' },
    label: 'Members',
    hint: 'People of the org, invitations, groups',
    keywords: 'users roles invite team',
    icon: Users,
    screens: ['members'],
    first: false,
    part: 'org',
    who: 'admin',
  },
  {
    route: { screen: 'keys' },
    label: 'API keys',
    hint: 'Keys of services: make, rotate, revoke',
    keywords: 'tokens credentials scopes',
    icon: KeyRound,
    screens: ['keys'],
    first: false,
    part: 'org',
    who: 'admin',
  },
  {
    route: { screen: 'secrets' },
    label: 'Secrets',
    hint: 'Kept encrypted, for the server’s use',
    keywords: 'passwords encryption rotate',
    icon: LockKeyhole,
    screens: ['secrets'],
    first: false,
    part: 'org',
    who: 'admin',
  },
  {
    route: { screen: 'audit' },
    label: 'Audit log',
    hint: 'Who did what',
    keywords: 'history changes records security',
    icon: ScrollText,
    screens: ['audit'],
    first: false,
    part: 'org',
    who: 'admin',
  },
  {
    route: { screen: 'node' },
    label: 'Node',
    hint: 'Version, ways in, limits, configuration',
    keywords: 'uptime transports settings',
    icon: Server,
    screens: ['node'],
    first: false,
    part: 'installation',
  },
  {
    route: { screen: 'orgs' },
    label: 'Orgs',
    hint: 'Orgs, their limits and namespaces',
    keywords: 'tenants quotas switch create',
    icon: Building2,
    screens: ['orgs'],
    first: false,
    part: 'installation',
    who: 'operator',
  },
  {
    route: { screen: 'users' },
    label: 'Users',
    hint: 'Everybody who ever signed in',
    keywords: 'people disable operator sessions',
    icon: UserRoundCog,
    screens: ['users'],
    first: false,
    part: 'installation',
    who: 'operator',
  },
];
