/** Copies a text, and says so for a moment. Where a page may not use the clipboard (no TLS, no permission), it says that instead. */
import { ActionIcon, Tooltip } from '@mantine/core';
import { Check, Copy as CopyIcon, X } from 'lucide-react';
import { useEffect, useState } from 'react';

const SAID_MS = 1_500;

export function Copy({ text, what }: { readonly text: () => string; readonly what: string }) {
  const [said, setSaid] = useState<'done' | 'failed'>();
  useEffect(() => {
    if (said === undefined) return undefined;
    const timer = setTimeout(() => setSaid(undefined), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = (): void => {
    write(text()).then(
      () => setSaid('done'),
      () => setSaid('failed'),
    );
  };
  const label =
    said === 'done' ? 'Copied' : said === 'failed' ? 'The browser did not allow it' : `Copy ${what}`;
  return (
    <Tooltip label={label} {...(said !== undefined && { opened: true })} withArrow>
      <ActionIcon variant="subtle" size="md" aria-label={label} onClick={copy} className="tl-copy">
        {said === 'done' ? (
          <Check size={15} aria-hidden="true" />
        ) : said === 'failed' ? (
          <X size={15} aria-hidden="true" />
        ) : (
          <CopyIcon size={15} aria-hidden="true" />
        )}
      </ActionIcon>
    </Tooltip>
  );
}

/** The clipboard exists only in secure contexts, and consoles are also opened over plain HTTP inside a network. */
async function write(text: string): Promise<void> {
  const clipboard = (navigator as { readonly clipboard?: Clipboard }).clipboard;
  if (clipboard !== undefined) return clipboard.writeText(text);
  const box = document.createElement('textarea');
  box.value = text;
  box.style.position = 'fixed';
  box.style.opacity = '0';
  document.body.append(box);
  box.select();
  const done = document.execCommand('copy');
  box.remove();
  if (!done) throw new Error('not copied');
}
