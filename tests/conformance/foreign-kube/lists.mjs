/**
 * What every way of keeping a list is put through (`way`): opened in tabs, changed and broken from behind, and in the end compared with what a new LIST says. Upstream requests are counted
 * by the API server.
 */
import { until, wait } from '@trunkline/testkit';
import { asked, check, equal, openSockets } from './checks.mjs';
import { DEAD, SHARED, WALLED } from './world.mjs';

/** For every way of keeping a list. */
export const LISTS = {
  async 'two tabs of one user are served from one upstream watch, and one that leaves harms nobody'({
    world,
    way,
    open,
  }) {
    await world.put('a');
    const since = await asked(world);
    const [left, right] = [await open(), await open()];
    const lists = [await way.open(left, { cluster: SHARED }), await way.open(right, { cluster: SHARED })];
    for (const list of lists) await equal(world, list, 'the first list');
    await world.put('b');
    for (const list of lists) await equal(world, list, 'the list of each tab');
    left.close();
    await world.put('c');
    await world.remove('a');
    await equal(world, lists[1], 'the list of the tab that stays');
    const { watches } = await since();
    check(`${watches} upstream watches`, watches <= 1);
  },

  async 'two selectors on one path are two lists'({ world, way, open }) {
    const tab = await open();
    const of = (app) => (object) => object.metadata.labels?.app === app;
    await world.put('w0', '', { labels: { app: 'web' } });
    const lists = {};
    for (const app of ['web', 'db'])
      lists[app] = await way.open(tab, { cluster: SHARED, query: { labelSelector: `app=${app}` } });
    for (const app of ['web', 'db']) await equal(world, lists[app], `the first list of ${app}`, of(app));
    await world.put('w1', '', { labels: { app: 'web' } });
    await world.put('d1', '', { labels: { app: 'db' }, namespace: 'other' });
    await world.put('w0', 'moved', { labels: { app: 'db' } });
    for (const app of ['web', 'db']) await equal(world, lists[app], `the list of ${app}`, of(app));
  },

  async 'hundreds of objects added at once are all shown'({ world, way, open }) {
    const list = await way.open(await open(), { cluster: SHARED });
    await until('the first list', () => list.loaded());
    await Promise.all(Array.from({ length: 600 }, (_, index) => world.put(`burst${index}`)));
    await equal(world, list, 'all of them');
    await Promise.all(Array.from({ length: 300 }, (_, index) => world.remove(`burst${2 * index}`)));
    await equal(world, list, 'the half that stays');
  },

  async 'objects of 1.5 MB come whole'({ world, way, open }) {
    const { largest } = world;
    for (let index = 0; index < 3; index++) await world.put(`large${index}`, 'x'.repeat(largest));
    const list = await way.open(await open(), { cluster: SHARED });
    await equal(world, list, 'the first list');
    await world.put('large1', 'y'.repeat(largest));
    await world.put('large9', 'z'.repeat(largest));
    await equal(world, list, 'the changes');
    return largest < 1_500_000 ? `of ${largest / 1_000} KB: this API server takes no larger ones` : undefined;
  },

  async 'a steady stream reopens nothing'({ world, way, open }) {
    const tab = await open();
    const list = await way.open(tab, { cluster: SHARED });
    await until('the first list', () => list.loaded());
    await world.put('first');
    await equal(world, list, 'the first change');
    const since = await asked(world);
    for (let index = 0; index < 60; index++) {
      await world.put(`s${index % 20}`, String(index));
      if (index % 3 === 0) await world.remove(`s${(index + 7) % 20}`);
      await wait(15);
    }
    await equal(world, list, 'the end of the stream');
    const { watches, lists } = await since();
    check(`${watches} watches and ${lists} lists upstream`, watches === 0 && lists === 0);
    if (way.reopens) return `${tab.sockets.length} sockets by its own doing`;
    check(`${tab.sockets.length} sockets`, tab.sockets.length === 1);
  },

  async 'ends of the upstream are hidden'({ world, way, open }) {
    const tab = await open();
    const list = await way.open(tab, { cluster: SHARED });
    await until('the first list', () => list.loaded());
    await world.put('before');
    await equal(world, list, 'the first change');
    const sockets = tab.sockets.length;
    for (const [name, break_] of Object.entries(world.breaks)) {
      await break_();
      const after = `after-${name.replaceAll(' ', '-')}`;
      await world.put(after);
      await world.put('before', name);
      await equal(world, list, `the list after ${name}`);
    }
    if (!way.reopens) check('a socket was opened anew', tab.sockets.length === sockets);
  },

  async 'after a restart of the API server the list is that of a new LIST'({ world, way, open }) {
    for (let index = 0; index < 30; index++) await world.put(`p${index}`);
    const list = await way.open(await open(), { cluster: SHARED });
    await equal(world, list, 'the first list');
    await world.put('p0', 'a change that is seen');
    await equal(world, list, 'the change');
    await world.die();
    for (let index = 0; index < 10; index++) await world.remove(`p${index}`);
    for (let index = 30; index < 40; index++) await world.put(`p${index}`);
    await world.put('p20', 'changed meanwhile');
    await world.revive();
    await equal(world, list, 'the list after the restart');
    await world.put('afterwards');
    await world.remove('p35');
    await equal(world, list, 'the list afterwards');
  },

  async 'after a cut network the list is that of a new LIST'({ world, way, open }) {
    for (let index = 0; index < 10; index++) await world.put(`p${index}`);
    const tab = await open();
    const list = await way.open(tab, { cluster: SHARED });
    await equal(world, list, 'the first list');
    await world.put('p0', 'a change that is seen');
    await equal(world, list, 'the change');
    world.network.cut();
    await until('the sockets to close', () => openSockets(tab) === 0);
    for (let index = 0; index < 5; index++) await world.remove(`p${index}`);
    await world.put('p7', 'changed meanwhile');
    await world.put('new');
    world.network.restore();
    const again = await way.comesBack(tab, list, { cluster: SHARED });
    await equal(world, again, 'the list after the cut');
    await world.put('afterwards');
    await equal(world, again, 'the list afterwards');
  },

  async 'who comes back to a list is told what happened meanwhile'({ world, way, open }) {
    if (way.kind === 'stream') return 'lists anew';
    for (let index = 0; index < 10; index++) await world.put(`p${index}`);
    const tab = await open();
    const list = await way.open(tab, { cluster: SHARED });
    await equal(world, list, 'the first list');
    await world.put('p0', 'a change that is seen');
    await equal(world, list, 'the change');
    list.unmount();
    // Beyond the time that the client waits before it says so.
    await wait(400);
    for (let index = 1; index < 6; index++) await world.remove(`p${index}`);
    await world.put('p7', 'changed meanwhile');
    await world.put('new');
    const since = await asked(world);
    const again = await way.open(tab, { cluster: SHARED });
    await equal(world, again, 'the list');
    const { watches } = await since();
    check(`${watches} watches upstream`, watches === 0);
  },

  async 'unknown and unreachable clusters are errors, and other lists go on'({ world, way, open }) {
    const tab = await open();
    const list = await way.open(tab, { cluster: SHARED });
    const bad = [];
    for (const cluster of ['nowhere', DEAD]) bad.push(await way.open(tab, { cluster }));
    await world.put('a');
    await equal(world, list, 'the list of the good cluster');
    for (const one of bad) await until('the error', () => way.errorOf(one) !== undefined, 90_000);
    await world.put('b');
    await equal(world, list, 'the list afterwards');
  },

  async 'a viewer of some namespaces sees theirs, and nothing of the others'({ world, way, open }) {
    await world.grant('bob', 'web');
    const inWeb = (object) => object.metadata.namespace === 'web';
    await world.put('mine', '', { namespace: 'web' });
    await world.put('secret', '', { namespace: 'vault' });
    const tab = await open({ user: 'bob' });
    const own = await way.open(tab, { cluster: WALLED, namespace: 'web' });
    const other = await way.open(tab, { cluster: WALLED, namespace: 'vault' });
    await equal(world, own, 'the own namespace', inWeb);
    await until('the refusal', () => way.errorOf(other) !== undefined, 90_000);
    await world.put('more', '', { namespace: 'web' });
    await world.put('secret', 'changed', { namespace: 'vault' });
    await equal(world, own, 'the own namespace afterwards', inWeb);
    check('rows of another namespace', other.rows().length === 0);
  },
};
