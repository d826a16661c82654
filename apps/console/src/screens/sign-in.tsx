/** The way in: the one-time link that the server prints when it starts, or the code out of it. */
import { Button, Stack, TextInput, Title } from '@mantine/core';
import { KeyRound } from 'lucide-react';
import { useEffect, useState, type FormEvent } from 'react';
import { redeemCode, type Session } from '../session.js';
import { Logo } from '../shell/logo.js';
import { ThemeToggle } from '../shell/theme-toggle.js';

export function SignIn({ onSignedIn }: { readonly onSignedIn: (session: Session) => void }) {
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string>();
  useEffect(() => {
    document.title = 'Sign in · Trunkline';
  }, []);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      onSignedIn(await redeemCode(code));
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
        <p className="tl-lead">
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
            <Button type="submit" size="md" loading={busy} disabled={code.trim() === ''}>
              Sign in
            </Button>
          </Stack>
        </form>
        <p className="tl-foot">
          No link at hand? Restart the server, or run its command that prints a new one.
        </p>
      </div>
      <div className="tl-signin-theme">
        <ThemeToggle />
      </div>
    </main>
  );
}
