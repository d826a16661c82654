/** How things are: numbers and charts that move over the product's own channel. Administrators see their org, operators the node. */
import { seesNode, type Session } from '../session.js';
import { NodeOverview } from './node-overview.js';
import { OrgOverview } from './org-overview.js';

export function Overview({ session }: { readonly session: Session }) {
  return seesNode(session) ? <NodeOverview /> : <OrgOverview org={session.org} />;
}
