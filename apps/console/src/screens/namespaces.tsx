/** The rules that channels follow: every namespace with its options as sentences, and which of them somebody changed. */
import type { NamespaceSummary } from '@trunkline/contracts/node';
import { Anchor, Button, Collapse } from '@mantine/core';
import { ArrowRight, ChevronDown, ChevronRight, FolderTree, ShieldAlert } from 'lucide-react';
import { useId, useState } from 'react';
import { useAsked } from '../asked.js';
import { plural } from '../format.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { Panel } from '../parts/panel.js';
import { SearchField } from '../parts/search-field.js';
import { toHash } from '../router.js';
import { namespaceTitle, optionsOf, rulesOf, type Rule } from './namespace-words.js';

const REFRESH_MS = 5_000;

export function Namespaces() {
  const { data, error, continuity, ask } = useAsked('node.namespaces', {}, REFRESH_MS);
  const info = useAsked('node.info', {}, 0);
  const [search, setSearch] = useState('');
  const text = search.trim().toLowerCase();
  const shown = (data?.namespaces ?? []).filter((one) => mentions(one, text));
  return (
    <Page
      title="Namespaces"
      name="Namespaces"
      continuity={continuity}
      source={`node.namespaces, every ${REFRESH_MS / 1_000} s`}
      lead="The part of a channel’s name before the first colon decides its rules. What nobody changed is marked as default."
    >
      {info.data?.insecure === true && (
        <div className="tl-alarm" role="note">
          <ShieldAlert size={18} aria-hidden="true" />
          <span>
            This server runs with <code>client.insecure</code>: every client may do everything inside its org,
            whatever the rules below say.
          </span>
        </div>
      )}
      {data === undefined ? (
        <div className="tl-panel">
          {error ? (
            <Failure title="The namespaces cannot be read" reason={error.message} retry={ask} />
          ) : (
            <Waiting label="Loading the namespaces" rows={8} />
          )}
        </div>
      ) : data.namespaces.length === 0 ? (
        <div className="tl-panel">
          <Empty icon={FolderTree} title="No namespaces">
            Without one no channel exists. Add it to the configuration file, under{' '}
            <code>channels.namespaces</code>.
          </Empty>
        </div>
      ) : (
        <>
          {data.namespaces.length > 3 && (
            <div className="tl-toolbar">
              <SearchField
                label="Search namespaces"
                placeholder="Search names, types and options"
                value={search}
                onChange={setSearch}
              />
            </div>
          )}
          {shown.length === 0 ? (
            <div className="tl-panel">
              <Empty icon={FolderTree} title="No namespace matches" />
            </div>
          ) : (
            <div className="tl-namespaces">
              {shown.map((one) => (
                <Namespace key={one.name} namespace={one} complete={data.complete} />
              ))}
            </div>
          )}
        </>
      )}
    </Page>
  );
}

function Namespace({
  namespace: one,
  complete,
}: {
  readonly namespace: NamespaceSummary;
  readonly complete: boolean;
}) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <Panel
      title={namespaceTitle(one.name)}
      aside={
        <span className="tl-chips">
          <span className="tl-chip">{one.type}</span>
          <span className="tl-chip">{one.class}</span>
        </span>
      }
    >
      <p className="tl-now">
        <span className="tl-num">
          {one.channels === 0
            ? 'Nobody reads a channel of it now.'
            : `${complete ? '' : 'At least '}${plural(one.channels, 'channel')} with ${plural(one.subscribers, 'reader')} now.`}
        </span>
        {one.channels > 0 && (
          <Anchor href={toHash({ screen: 'channels', namespace: one.name })} size="sm" className="tl-more">
            Channels <ArrowRight size={14} aria-hidden="true" />
          </Anchor>
        )}
      </p>
      <Rules rules={rulesOf(one)} />
      <Button
        variant="subtle"
        size="compact-sm"
        mt="sm"
        ml={-8}
        aria-expanded={open}
        aria-controls={id}
        leftSection={
          open ? <ChevronDown size={14} aria-hidden="true" /> : <ChevronRight size={14} aria-hidden="true" />
        }
        onClick={() => setOpen(!open)}
      >
        Options as configured
      </Button>
      <Collapse expanded={open} id={id}>
        <table className="tl-options">
          <thead>
            <tr>
              <th scope="col">Option</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {optionsOf(one).map(({ name, value, changed }) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td>
                  <code>{value}</code> {!changed && <DefaultMark />}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Collapse>
    </Panel>
  );
}

function Rules({ rules }: { readonly rules: readonly Rule[] }) {
  return (
    <dl className="tl-rules">
      {rules.map(({ term, sentences, changed }) => (
        <div key={term} data-default={changed ? undefined : true}>
          <dt>{term}</dt>
          <dd>
            {sentences.map((sentence) => (
              <p key={sentence}>{sentence}</p>
            ))}
          </dd>
          <dd className="tl-rule-mark">{!changed && <DefaultMark />}</dd>
        </div>
      ))}
    </dl>
  );
}

function DefaultMark() {
  return <span className="tl-default">default</span>;
}

function mentions(one: NamespaceSummary, text: string): boolean {
  return `${namespaceTitle(one.name)} ${one.type} ${one.class} ${one.changed.join(' ')} ${rulesOf(one)
    .flatMap((rule) => [rule.term, ...rule.sentences])
    .join(' ')}`
    .toLowerCase()
    .includes(text);
}
