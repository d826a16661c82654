/** The way in: the identity provider where there is one, and the one-time link that the server prints when it starts, or the code out of it. */
import { Button, Stack, TextInput, Title } from '@mantine/core';
import { KeyRound, LogIn } from 'lucide-react';
import { useEffect, useState, type FormEvent } from 'react';
import { fetchWays, providerAddress, redeemCode, type Ways } from '../session.js';
import { Logo } from '../shell/logo.js';
import { ThemeToggle } from '../shell/theme-toggle.js';

export function SignIn({ onSignedIn }: { readonly onSignedIn: () => void }) {
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string>();
  const [ways, setWays] = useState<Ways>();
  useEffect(() => {
    document.title = 'Sign in · Trunkline';
    let over = false;
    void fetchWays().then((found) => !over && setWays(found));
    return () => void (over = true);
  }, []);
  const provider = ways?.provider;
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      await redeemCode(code);
      onSignedIn();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="tl-signin">
      <div className="tl-signin-card">
        <div className="tl-brand">
          <Logo size={40} />
          <span>Trunkline</span>
        </div>
        <Title order={1} size="h3">
          Sign in to the console
        </Title>
        {provider !== undefined && (
          <>
            <Button
              component="a"
              href={providerAddress()}
              size="md"
              leftSection={<LogIn size={17} aria-hidden="true" />}
            >
              Continue with {provider}
            </Button>
            <p className="tl-or" role="presentation">
              <span>or with a one-time link</span>
            </p>
          </>
        )}
        <p className={provider === undefined ? 'tl-lead' : 'tl-lead tl-lead-below'}>
          The server prints a link when it starts. Open it, or paste it here. Each link works once.
        </p>
        <pre className="tl-sample" aria-label="What the link looks like">
          {`${location.origin}/console/login?code=…`}
        </pre>
        <form onSubmit={(event) => void submit(event)}>
          <Stack gap="md">
            <TextInput
              label="Link or code"
              placeholder="Paste it here"
              leftSection={<KeyRound size={16} aria-hidden="true" />}
              value={code}
              onChange={(event) => setCode(event.currentTarget.value)}
              error={fault}
              autoComplete="one-time-code"
              autoCapitalize="none"
              spellCheck={false}
              data-autofocus
              autoFocus
              required
              withAsterisk={false}
            />
            <Button
              type="submit"
              size="md"
              variant={provider === undefined ? 'filled' : 'default'}
              loading={busy}
              disabled={code.trim() === ''}
            >
              Sign in
            </Button>
          </Stack>
        </form>
        <p className="tl-foot">
          No link at hand? <code>trunkline console link</code> prints a new one.
        </p>
      </div>
      <div className="tl-signin-theme">
        <ThemeToggle />
      </div>
    </main>
  );
}
