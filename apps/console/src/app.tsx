/** Who is signed in decides what is shown: the way in, or the console with its one live connection. */
import { Button, Loader } from '@mantine/core';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { LiveProvider } from './live.js';
import { Boundary } from './parts/boundary.js';
import { Failure, Waiting } from './parts/notices.js';
import { useRoute, type Route } from './router.js';
import { Overview } from './screens/overview.js';
import { SignIn } from './screens/sign-in.js';
import { fetchSession, signOut, type Session } from './session.js';
import { Shell } from './shell/shell.js';

// The first screen comes with the page; the others when they are first opened.
const Channel = lazy(async () => ({ default: (await import('./screens/channel.js')).Channel }));
const Channels = lazy(async () => ({ default: (await import('./screens/channels.js')).Channels }));
const Connections = lazy(async () => ({ default: (await import('./screens/connections.js')).Connections }));
const Events = lazy(async () => ({ default: (await import('./screens/events.js')).Events }));
const Namespaces = lazy(async () => ({ default: (await import('./screens/namespaces.js')).Namespaces }));
const Node = lazy(async () => ({ default: (await import('./screens/node.js')).Node }));
const Why = lazy(async () => ({ default: (await import('./screens/why.js')).Why }));

type State =
  | { readonly kind: 'asking' }
  | { readonly kind: 'out' }
  | { readonly kind: 'in'; readonly session: Session }
  | { readonly kind: 'broken'; readonly reason: string };

export function App() {
  const [state, setState] = useState<State>({ kind: 'asking' });
  const ask = useCallback(() => {
    setState({ kind: 'asking' });
    fetchSession().then(
      (session) => setState(session ? { kind: 'in', session } : { kind: 'out' }),
      (error: unknown) =>
        setState({ kind: 'broken', reason: error instanceof Error ? error.message : String(error) }),
    );
  }, []);
  useEffect(ask, [ask]);
  const leave = (): void => {
    signOut().then(
      () => setState({ kind: 'out' }),
      (error: unknown) =>
        setState({ kind: 'broken', reason: error instanceof Error ? error.message : String(error) }),
    );
  };

  switch (state.kind) {
    case 'asking':
      return (
        <main className="tl-center" aria-busy="true">
          <Loader aria-label="Loading the console" />
        </main>
      );
    case 'broken':
      return (
        <main className="tl-center">
          <Failure title="The console cannot start" reason={state.reason} />
          <Button onClick={ask}>Try again</Button>
        </main>
      );
    case 'out':
      return <SignIn onSignedIn={(session) => setState({ kind: 'in', session })} />;
    case 'in':
      return (
        <LiveProvider onSignedOut={() => setState({ kind: 'out' })}>
          <Shell session={state.session} onSignOut={leave}>
            <Screens session={state.session} />
          </Shell>
        </LiveProvider>
      );
  }
}

function Screens({ session }: { readonly session: Session }) {
  const route = useRoute();
  return (
    <Boundary key={route.screen}>
      <Suspense fallback={<Opening />}>
        <Screen session={session} route={route} />
      </Suspense>
    </Boundary>
  );
}

function Opening() {
  return (
    <div className="tl-page">
      <div className="tl-panel">
        <Waiting label="Opening the screen" rows={6} />
      </div>
    </div>
  );
}

function Screen({ session, route }: { readonly session: Session; readonly route: Route }) {
  switch (route.screen) {
    case 'overview':
      return <Overview session={session} />;
    case 'channels':
      return <Channels key={route.namespace} namespace={route.namespace} />;
    case 'channel':
      return <Channel key={route.channel} channel={route.channel} />;
    case 'connections':
      return <Connections client={route.client} channel={route.channel} />;
    case 'namespaces':
      return <Namespaces />;
    case 'events':
      return <Events />;
    case 'why':
      return <Why route={route} />;
    case 'node':
      return <Node session={session} />;
  }
}
