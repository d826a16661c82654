/**
 * The frame around every screen: menu at the side on wide screens, at the bottom on narrow ones; search, colours and signing out; and a
 * line across the top whenever the connection itself is not there.
 */
import { ActionIcon, AppShell, Avatar, Kbd, Menu, UnstyledButton } from '@mantine/core';
import { spotlight } from '@mantine/spotlight';
import { LogOut, Search, WifiOff } from 'lucide-react';
import type { ReactNode } from 'react';
import { formatDuration } from '../format.js';
import { useLink } from '../live.js';
import { useNow } from '../parts/now.js';
import { toHash, useRoute } from '../router.js';
import type { Session } from '../session.js';
import { Logo } from './logo.js';
import { Palette } from './palette.js';
import { PLACES } from './places.js';
import { ThemeToggle } from './theme-toggle.js';

export function Shell({
  session,
  onSignOut,
  children,
}: {
  readonly session: Session;
  readonly onSignOut: () => void;
  readonly children: ReactNode;
}) {
  return (
    <AppShell
      header={{ height: { base: 52, sm: 0 } }}
      navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: true } }}
      footer={{ height: { base: 58, sm: 0 } }}
      transitionDuration={0}
    >
      <a href="#main" className="tl-skip" onClick={skip}>
        Skip to the content
      </a>
      <AppShell.Header hiddenFrom="sm" className="tl-top">
        <a href={toHash({ screen: 'overview' })} className="tl-brand">
          <Logo size={26} />
          <span>Trunkline</span>
        </a>
        <span className="tl-top-actions">
          <ActionIcon variant="default" size="lg" aria-label="Search and go to" onClick={spotlight.open}>
            <Search size={17} aria-hidden="true" />
          </ActionIcon>
          <ThemeToggle />
          <Account session={session} onSignOut={onSignOut} small />
        </span>
      </AppShell.Header>
      <AppShell.Navbar visibleFrom="sm" className="tl-side-bar" aria-label="Main">
        <a href={toHash({ screen: 'overview' })} className="tl-brand">
          <Logo size={30} />
          <span>Trunkline</span>
        </a>
        <UnstyledButton className="tl-search" onClick={spotlight.open}>
          <Search size={15} aria-hidden="true" />
          <span className="tl-grow">Search</span>
          <Kbd size="xs">Ctrl K</Kbd>
        </UnstyledButton>
        <Links className="tl-nav" />
        <div className="tl-side-foot">
          <Account session={session} onSignOut={onSignOut} />
          <ThemeToggle />
        </div>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <LinkLine />
        {children}
      </AppShell.Main>
      <AppShell.Footer hiddenFrom="sm" component="nav" className="tl-bottom" aria-label="Main">
        <Links className="tl-tabs" />
      </AppShell.Footer>
      <Palette onSignOut={onSignOut} />
    </AppShell>
  );
}

function Links({ className }: { readonly className: string }) {
  const { screen } = useRoute();
  return (
    <ul className={className}>
      {PLACES.map(({ route, label, icon: Icon, screens }) => (
        <li key={label}>
          <a href={toHash(route)} aria-current={screens.includes(screen) ? 'page' : undefined}>
            <Icon size={18} strokeWidth={1.9} aria-hidden="true" />
            <span>{label}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Account({
  session,
  onSignOut,
  small = false,
}: {
  readonly session: Session;
  readonly onSignOut: () => void;
  readonly small?: boolean;
}) {
  const name = session.user === '' ? 'anonymous' : session.user;
  return (
    <Menu
      withinPortal={false}
      withInitialFocusPlaceholder={false}
      position={small ? 'bottom-end' : 'top-start'}
      withArrow
      width={200}
    >
      <Menu.Target>
        <UnstyledButton className="tl-account" aria-label={`Account: ${name}, org ${session.org}`}>
          <Avatar
            size={30}
            radius="xl"
            color="jade"
            variant="filled"
            aria-hidden="true"
            className="tl-avatar"
          >
            {name.slice(0, 1).toUpperCase()}
          </Avatar>
          {!small && (
            <span className="tl-two">
              <b>{name}</b>
              <small>{session.org}</small>
            </span>
          )}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {name}, org {session.org}
          <br />
          {session.roles.length === 0 ? 'no role' : session.roles.join(', ')}
        </Menu.Label>
        <Menu.Item leftSection={<LogOut size={15} aria-hidden="true" />} onClick={onSignOut}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function LinkLine() {
  const link = useLink();
  const now = useNow();
  if (link.state === 'live' || link.state === 'off' || link.state === 'connecting') return null;
  const since =
    'sinceMs' in link && now - link.sinceMs > 1_500 ? ` for ${formatDuration(now - link.sinceMs)}` : '';
  return (
    <div className="tl-line" data-tone={link.state === 'recovering' ? 'wait' : 'bad'} role="status">
      <WifiOff size={15} aria-hidden="true" />
      <span>
        {link.state === 'failed'
          ? `The connection ended: ${link.reason}. Reload to start again.`
          : 'Connection lost, trying to get back. What you see is the last that was known.'}
      </span>
      {since !== '' && (
        <span className="tl-num" aria-hidden="true">
          Away{since}
        </span>
      )}
    </div>
  );
}

/** The address' hash is the route, so the jump is made by hand. */
function skip(event: { preventDefault(): void }): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
