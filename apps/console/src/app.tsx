/** Who is signed in decides what is shown: the way in, or the console with its one live connection. */
import { Button, Loader } from '@mantine/core';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { LiveProvider } from './live.js';
import { Boundary } from './parts/boundary.js';
import { Failure, Waiting } from './parts/notices.js';
import { useRoute, type Route } from './router.js';
import { Overview } from './screens/overview.js';
import { SignIn } from './screens/sign-in.js';
import { keepOrg, keptOrg, leaveDetails } from './org-choice.js';
import { SwitchProvider } from './org-switch.js';
import { fetchOrgs, fetchSession, sessionIn, signOut, type OrgChoice, type Session } from './session.js';
import { Shell } from './shell/shell.js';

// The first screen comes with the page; the others when they are first opened.
const Audit = lazy(async () => ({ default: (await import('./screens/audit.js')).Audit }));
const Channel = lazy(async () => ({ default: (await import('./screens/channel.js')).Channel }));
const Channels = lazy(async () => ({ default: (await import('./screens/channels.js')).Channels }));
const Clusters = lazy(async () => ({ default: (await import('./screens/clusters.js')).Clusters }));
const Connections = lazy(async () => ({ default: (await import('./screens/connections.js')).Connections }));
const Events = lazy(async () => ({ default: (await import('./screens/events.js')).Events }));
const Keys = lazy(async () => ({ default: (await import('./screens/keys.js')).Keys }));
const Members = lazy(async () => ({ default: (await import('./screens/members.js')).Members }));
const Namespaces = lazy(async () => ({ default: (await import('./screens/namespaces.js')).Namespaces }));
const Node = lazy(async () => ({ default: (await import('./screens/node.js')).Node }));
const Orgs = lazy(async () => ({ default: (await import('./screens/orgs.js')).Orgs }));
const Resources = lazy(async () => ({ default: (await import('./screens/resources.js')).Resources }));
const Secrets = lazy(async () => ({ default: (await import('./screens/secrets.js')).Secrets }));
const Users = lazy(async () => ({ default: (await import('./screens/users.js')).Users }));
const Why = lazy(async () => ({ default: (await import('./screens/why.js')).Why }));

type State =
  | { readonly kind: 'asking' }
  | { readonly kind: 'out' }
  | { readonly kind: 'in'; readonly session: Session; readonly orgs: readonly OrgChoice[] }
  | { readonly kind: 'broken'; readonly reason: string };

export function App() {
  const [state, setState] = useState<State>({ kind: 'asking' });
  const [chosen, setChosen] = useState(keptOrg);
  const ask = useCallback(() => {
    setState({ kind: 'asking' });
    // Beside one another: the second is refused where the first says that nobody is signed in.
    Promise.all([fetchSession(), fetchOrgs()]).then(
      ([session, orgs]) => setState(session ? { kind: 'in', session, orgs } : { kind: 'out' }),
      (error: unknown) => setState({ kind: 'broken', reason: reasonOf(error) }),
    );
  }, []);
  useEffect(ask, [ask]);
  const choose = (org: string | undefined): void => {
    keepOrg(org);
    setChosen(org);
  };
  const leave = (): void => {
    signOut().then(
      (elsewhere) => {
        choose(undefined);
        if (elsewhere === undefined) setState({ kind: 'out' });
        else location.assign(elsewhere);
      },
      (error: unknown) => setState({ kind: 'broken', reason: reasonOf(error) }),
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
      return <SignIn onSignedIn={ask} />;
    case 'in': {
      const org = chosen ?? state.session.org;
      const session = sessionIn(state.session, state.orgs, org);
      return (
        <LiveProvider
          key={org}
          org={org}
          onSignedOut={() => setState({ kind: 'out' })}
          onOrgLost={() => {
            if (chosen === undefined) return setState({ kind: 'broken', reason: NOWHERE });
            // Removed, or taken out of it: what remains is asked for anew.
            choose(undefined);
            ask();
          }}
        >
          <SwitchProvider
            value={(next) => {
              choose(next);
              leaveDetails();
            }}
          >
            <Shell session={session} orgs={state.orgs} onSignOut={leave}>
              <Screens session={session} />
            </Shell>
          </SwitchProvider>
        </LiveProvider>
      );
    }
  }
}

const NOWHERE = 'You are in no org any more. An administrator of one may invite you again.';

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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
    case 'members':
      return <Members session={session} />;
    case 'keys':
      return <Keys session={session} />;
    case 'secrets':
      return <Secrets session={session} />;
    case 'audit':
      return (
        <Audit
          key={`${route.actor ?? ''} ${route.target ?? ''}`}
          session={session}
          actor={route.actor}
          target={route.target}
        />
      );
    case 'orgs':
      return <Orgs session={session} />;
    case 'users':
      return <Users session={session} />;
    case 'clusters':
      return <Clusters session={session} />;
    case 'resources':
      return <Resources route={route} />;
  }
}
