/**
 * The frame around every screen: menu at the side on wide screens, at the bottom on narrow ones; search, colours and signing out; and a
 * line across the top whenever the connection itself is not there.
 */
import { ActionIcon, AppShell, Avatar, Kbd, Menu, UnstyledButton } from '@mantine/core';
import { Ellipsis, LogOut, Search, WifiOff } from 'lucide-react';
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react';
import { formatDuration } from '../format.js';
import { useLink } from '../live.js';
import { useNow } from '../parts/now.js';
import { toHash, useRoute } from '../router.js';
import type { OrgChoice, Session } from '../session.js';
import { Logo } from './logo.js';
import { OrgMenu } from './org-menu.js';
import { PARTS, placesOf } from './places.js';
import { ThemeToggle } from './theme-toggle.js';

/** Comes when it is first asked for. */
const Palette = lazy(async () => ({ default: (await import('./palette.js')).Palette }));

export function Shell({
  session,
  orgs,
  onSignOut,
  children,
}: {
  readonly session: Session;
  /** That may be switched to. */
  readonly orgs: readonly OrgChoice[];
  readonly onSignOut: () => void;
  readonly children: ReactNode;
}) {
  const [searching, setSearching] = useState<'never' | 'open' | 'closed'>('never');
  const search = (): void => setSearching('open');
  useShortcut(() => setSearching((before) => (before === 'open' ? 'closed' : 'open')));
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
          <ActionIcon variant="default" size="lg" aria-label="Search and go to" onClick={search}>
            <Search size={17} aria-hidden="true" />
          </ActionIcon>
          <OrgMenu session={session} orgs={orgs} small />
          <ThemeToggle />
          <Account session={session} onSignOut={onSignOut} small />
        </span>
      </AppShell.Header>
      <AppShell.Navbar visibleFrom="sm" className="tl-side-bar" aria-label="Main">
        <a href={toHash({ screen: 'overview' })} className="tl-brand">
          <Logo size={30} />
          <span>Trunkline</span>
        </a>
        <UnstyledButton className="tl-search" onClick={search}>
          <Search size={15} aria-hidden="true" />
          <span className="tl-grow">Search</span>
          <Kbd size="xs">Ctrl K</Kbd>
        </UnstyledButton>
        <OrgMenu session={session} orgs={orgs} />
        <Links session={session} />
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
        <Tabs session={session} />
      </AppShell.Footer>
      {searching !== 'never' && (
        <Suspense>
          <Palette
            opened={searching === 'open'}
            session={session}
            orgs={orgs}
            onClose={() => setSearching('closed')}
            onSignOut={onSignOut}
          />
        </Suspense>
      )}
    </AppShell>
  );
}

/** Ctrl K, or Command K, wherever the focus is: nothing else of the page uses it. */
function useShortcut(toggle: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || !['k', 'p'].includes(event.key.toLowerCase()))
        return;
      event.preventDefault();
      toggle();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

function Links({ session }: { readonly session: Session }) {
  const { screen } = useRoute();
  const places = placesOf(session);
  return (
    <div className="tl-nav">
      {PARTS.map(({ part, label: title }) => (
        <section key={part} aria-labelledby={`part-${part}`}>
          <h2 id={`part-${part}`}>{title}</h2>
          <ul>
            {places
              .filter((place) => place.part === part)
              .map(({ route, label, icon: Icon, screens }) => (
                <li key={label}>
                  <a href={toHash(route)} aria-current={screens.includes(screen) ? 'page' : undefined}>
                    <Icon size={18} strokeWidth={1.9} aria-hidden="true" />
                    <span>{label}</span>
                  </a>
                </li>
              ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

/** The bar of narrow screens: the first places, and the others behind one more. */
function Tabs({ session }: { readonly session: Session }) {
  const { screen } = useRoute();
  const places = placesOf(session);
  const rest = places.filter((place) => !place.first);
  const inside = rest.some(({ screens }) => screens.includes(screen));
  return (
    <ul className="tl-tabs">
      {places
        .filter((place) => place.first)
        .map(({ route, label, icon: Icon, screens }) => (
          <li key={label}>
            <a href={toHash(route)} aria-current={screens.includes(screen) ? 'page' : undefined}>
              <Icon size={18} strokeWidth={1.9} aria-hidden="true" />
              <span>{label}</span>
            </a>
          </li>
        ))}
      <li>
        <Menu
          withinPortal={false}
          withInitialFocusPlaceholder={false}
          position="top-end"
          withArrow
          width={210}
        >
          <Menu.Target>
            <UnstyledButton className="tl-tab" data-current={inside || undefined}>
              <Ellipsis size={18} strokeWidth={1.9} aria-hidden="true" />
              <span>More</span>
            </UnstyledButton>
          </Menu.Target>
          <Menu.Dropdown>
            {rest.map(({ route, label, icon: Icon, screens }) => (
              <Menu.Item
                key={label}
                component="a"
                href={toHash(route)}
                aria-current={screens.includes(screen) ? 'page' : undefined}
                leftSection={<Icon size={16} aria-hidden="true" />}
              >
                {label}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      </li>
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
