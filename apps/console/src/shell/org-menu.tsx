/** Which org the console looks into, and the way into another. One org and nothing to choose: only its name. */
import { Menu, TextInput, UnstyledButton } from '@mantine/core';
import { Building2, Check, ChevronsUpDown, List } from 'lucide-react';
import { useState } from 'react';
import { useSwitch } from '../org-switch.js';
import { toHash } from '../router.js';
import { seesNode, type OrgChoice, type Session } from '../session.js';

/** More than these are searched. */
const SEARCHED_FROM = 8;

export function OrgMenu({
  session,
  orgs,
  small = false,
}: {
  readonly session: Session;
  readonly orgs: readonly OrgChoice[];
  readonly small?: boolean;
}) {
  const enter = useSwitch();
  const [search, setSearch] = useState('');
  const operator = seesNode(session);
  const name = orgs.find(({ org }) => org === session.org)?.name ?? session.org;
  if (!operator && !orgs.some(({ org }) => org !== session.org)) {
    return small ? null : (
      <p className="tl-org" aria-label={`Org ${name}`}>
        <Building2 size={15} aria-hidden="true" />
        <span className="tl-grow tl-cut">{name}</span>
      </p>
    );
  }
  const text = search.trim().toLowerCase();
  const shown = orgs.filter((one) => `${one.org} ${one.name}`.toLowerCase().includes(text));
  return (
    <Menu
      withinPortal={false}
      withInitialFocusPlaceholder={false}
      position={small ? 'bottom-end' : 'bottom-start'}
      withArrow={small}
      width={small ? 240 : 'target'}
      onClose={() => setSearch('')}
    >
      <Menu.Target>
        <UnstyledButton
          className="tl-org"
          data-small={small || undefined}
          aria-label={`Org: ${name}. Switch`}
        >
          <Building2 size={small ? 17 : 15} aria-hidden="true" />
          {!small && (
            <>
              <span className="tl-grow tl-cut">{name}</span>
              <ChevronsUpDown size={14} aria-hidden="true" />
            </>
          )}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Switch org</Menu.Label>
        {orgs.length > SEARCHED_FROM && (
          <TextInput
            size="xs"
            m={4}
            aria-label="Search orgs"
            placeholder="Search orgs"
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
        )}
        <div className="tl-org-list">
          {!orgs.some(({ org }) => org === session.org) && (
            <Menu.Item rightSection={<Check size={15} aria-label="here" />}>{session.org}</Menu.Item>
          )}
          {shown.map((one) => (
            <Menu.Item
              key={one.org}
              rightSection={one.org === session.org ? <Check size={15} aria-label="here" /> : undefined}
              onClick={() => one.org !== session.org && enter(one.org)}
            >
              {one.name}
            </Menu.Item>
          ))}
        </div>
        {operator && (
          <Menu.Item
            component="a"
            href={toHash({ screen: 'orgs' })}
            leftSection={<List size={15} aria-hidden="true" />}
          >
            All orgs
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
