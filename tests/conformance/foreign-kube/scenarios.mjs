/** What the client's multiplexer, its objects and its streams are put through by themselves, and what is played with a version that has some of them. */
import { until, wait } from '@trunkline/testkit';
import { asked, check, equal, openSockets, PODS } from './checks.mjs';
import { LISTS } from './lists.mjs';
import { WAYS } from './ways.mjs';
import { DEAD, SHARED, WALLED } from './world.mjs';

/** For the multiplexer itself. */
const MULTIPLEXER = {
  async 'a request with a new version and the end of the old one keep the upstream'({ world, open }) {
    const { client } = await open();
    const seen = [];
    const watch = (version) =>
      client.WebSocketManager.subscribe(
        SHARED,
        PODS,
        `watch=1&resourceVersion=${version}`,
        ({ type, object }) => seen.push(`${type} ${object.metadata.name}`),
      );
    let end = await watch(await world.version());
    await world.put('first');
    await until('the first event', () => seen.length > 0);
    const since = await asked(world);
    for (let round = 0; round < 8; round++) {
      const next = await watch(await world.version());
      end();
      end = next;
      await world.put(`r${round}`);
      await until(`round ${round}`, () => seen.includes(`ADDED r${round}`));
      if (round % 3 === 0) await wait(150);
    }
    const { watches } = await since();
    check(`${watches} watches upstream`, watches === 0);
  },

  async 'a request with an older version is told everything since'({ world, open }) {
    const { client } = await open();
    // A list that nobody has watched before: on others the same version may mean two things, and both are told.
    const [namespace, path] = ['replay', '/api/v1/namespaces/replay/pods'];
    const watch = (version, seen) =>
      client.WebSocketManager.subscribe(SHARED, path, `watch=1&resourceVersion=${version}`, (event) =>
        seen.push(event),
      );
    const first = [];
    await watch(await world.version(), first);
    await world.put('a', '', { namespace });
    await until('the first event', () => first.length > 0);
    const version = await world.version();
    for (const name of ['b', 'c', 'd']) await world.put(name, '', { namespace });
    await world.remove('a', namespace);
    await until('the events', () => first.length >= 5);
    const since = await asked(world);
    const late = [];
    await watch(version, late);
    const other = [];
    await (
      await open()
    ).client.WebSocketManager.subscribe(SHARED, path, `watch=1&resourceVersion=${version}`, (event) =>
      other.push(event),
    );
    // A real API server changes a pod before it deletes it.
    const news = (events) => events.filter(({ type }) => type !== 'MODIFIED');
    for (const seen of [late, other]) await until('the replay', () => news(seen).length >= 4);
    const text = (events) => events.map(({ type, object }) => `${type} ${object.metadata.name}`).join();
    for (const seen of [late, other])
      check(`replayed ${text(seen)}`, text(news(seen)) === 'ADDED b,ADDED c,ADDED d,DELETED a');
    const versions = late.map(({ object }) => Number(object.metadata.resourceVersion));
    check(
      `versions ${versions}`,
      versions.every((one, index) => index === 0 || one > versions[index - 1]),
    );
    const { watches, lists } = await since();
    check(`${watches} watches and ${lists} lists upstream`, watches + lists === 0);
  },

  async 'errors reach those who asked, by the key of their request, and the socket stays'({ world, open }) {
    const tab = await open();
    const { WebSocketManager } = tab.client;
    const heard = { good: [], nowhere: [], dead: [], path: [] };
    const query = `watch=1&resourceVersion=${await world.version()}`;
    const asks = [
      ['good', SHARED, PODS],
      ['nowhere', 'nowhere', PODS],
      ['dead', DEAD, PODS],
      ['path', SHARED, '/api/v1/pods/../secrets'],
    ];
    for (const [name, cluster, path] of asks) {
      const hear = (data) => heard[name].push(data);
      await WebSocketManager.subscribe(cluster, path, query, hear, hear);
    }
    await world.put('a');
    for (const name of Object.keys(heard))
      await until(`word for ${name}`, () => heard[name].length > 0, 60_000);
    const wordsOf = ({ error, message, object }) => error ?? message ?? object?.message;
    check(`said: ${wordsOf(heard.nowhere[0])}`, /no such cluster/.test(wordsOf(heard.nowhere[0])));
    check(`said: ${wordsOf(heard.dead[0])}`, /unreachable/.test(wordsOf(heard.dead[0])));
    check('an event', heard.good[0].type === 'ADDED');
    check('the socket closed', tab.sockets.length === 1 && openSockets(tab) === 1);
  },

  async 'who may see some namespaces is served these of a list of all'({ world, open }) {
    await world.grant('bob', 'web');
    const { client } = await open({ user: 'bob' });
    const version = await world.version();
    for (const namespace of ['web', 'vault']) await world.put('first', '', { namespace });
    const [seen, errors] = [[], []];
    const hear = (event) => (event.type === undefined || event.type === 'ERROR' ? errors : seen).push(event);
    const onError = (error) => errors.push(error);
    await client.WebSocketManager.subscribe(
      WALLED,
      PODS,
      `watch=1&resourceVersion=${version}`,
      hear,
      onError,
    );
    await until('the first event', () => seen.length > 0);
    for (const namespace of ['vault', 'web']) await world.put('second', '', { namespace });
    await until('the second event', () => seen.length > 1);
    const from = seen.map(({ object }) => `${object.metadata.namespace}/${object.metadata.name}`).join();
    check(`events of ${from}`, from === 'web/first,web/second');
    check(`${errors.length} words about what is missing`, errors.length === 1);
  },

  async 'its sub-protocol is selected, and private ones are left alone'({ open }) {
    const tab = await open({
      backendProtocol: 'base64url.headlamp.backend.authorization.k8s.io.c2VjcmV0',
    });
    await tab.client.WebSocketManager.connect();
    const [{ offered, protocol }] = tab.sockets;
    if (offered.length === 0) return 'offers none';
    check(`selected ${protocol}`, protocol === 'headlamp.multiplexer.k8s.io');
  },

  async 'foreign origins are refused'({ open }) {
    const { client } = await open({ origin: 'https://evil.test' });
    const outcome = await client.WebSocketManager.connect().then(
      () => 'connected',
      () => 'refused',
    );
    check(outcome, outcome === 'refused');
  },
};

/** For an object of its own. */
const OBJECTS = {
  'one object is followed': (play) => follow(play, SHARED),
  /** Some versions watch it in all namespaces, by its name. */
  'one object is followed by who may see its namespace alone': (play) => follow(play, WALLED),
};

async function follow({ world, open }, cluster) {
  const namespace = 'web';
  await world.grant('bob', namespace);
  await world.put('one', 'v1', { namespace });
  await world.put('two', 'v1', { namespace });
  const tab = await open({ user: 'bob' });
  const object = tab.object({ cluster, namespace, name: 'one' });
  const value = () => object.json()?.metadata.annotations?.value;
  await until('the object', () => value() === 'v1');
  await until('its watch', () => openSockets(tab) > 0);
  await world.put('two', 'v2', { namespace });
  // Its first watch may begin after a change; the next change is told then.
  let count = 1;
  await until(
    'a change',
    async () => {
      await world.put('one', `v${++count}`, { namespace });
      return value() !== 'v1';
    },
    60_000,
    200,
  );
  await until('the last change', () => value() === `v${count}`);
  check('another object', object.json().metadata.name === 'one');
}

/** For a socket of its own. */
const STREAMS = {
  async 'the token of the sub-protocol says who it is; what is private stays unselected'({ world, open }) {
    await world.grant('bob', 'web');
    await world.put('mine', '', { namespace: 'web' });
    const tab = await open({ user: 'bob', kubeconfig: 'a kubeconfig of the browser' });
    const list = await tab.stream({ cluster: WALLED, path: '/api/v1/namespaces/web/pods' });
    const inWeb = (object) => object.metadata.namespace === 'web';
    await equal(world, list, 'the list', inWeb);
    await world.put('more', '', { namespace: 'web' });
    await equal(world, list, 'the change', inWeb);
    const [{ offered, protocol }] = tab.sockets;
    check(`selected ${protocol}`, protocol === 'base64.binary.k8s.io');
    check(`offered ${offered}`, offered.includes('base64url.headlamp.authorization.k8s.io.a-user-id'));
    return offered.some((one) => one.startsWith('base64url.bearer.')) ? undefined : 'brings no token itself';
  },

  async 'a version that is forgotten is an ERROR event of 410'({ world, open }) {
    await world.put('a');
    const old = await world.version();
    // A question that nobody asks meanwhile: there is no ring to go on from.
    const query = `watch=1&resourceVersion=${old}&labelSelector=app%3Dforgotten${old}`;
    await world.put('b');
    await world.compact();
    const seen = [];
    const ended = [];
    const tab = await open();
    const { cancel } = tab.client.stream(`${PODS}?${query}`, (event) => seen.push(event), {
      isJson: true,
      cluster: SHARED,
      failCb: () => ended.push(true),
      reconnectOnFailure: false,
    });
    await until('the end', () => ended.length > 0);
    cancel();
    const [{ type, object }] = seen;
    check(`${type} ${object.code}`, seen.length === 1 && type === 'ERROR' && object.code === 410);
  },

  async 'foreign origins are refused'({ open }) {
    const tab = await open({ origin: 'https://evil.test' });
    const ended = [];
    const { cancel } = tab.client.stream(`${PODS}?watch=1`, () => ended.push('event'), {
      isJson: true,
      cluster: SHARED,
      failCb: () => ended.push('failed'),
      reconnectOnFailure: false,
    });
    await until('the refusal', () => ended.length > 0);
    cancel();
    check(ended[0], ended[0] === 'failed');
  },
};

/** All that a version can be put through. */
export function scenariosFor({ lists, manager, objects }) {
  const of = (group, way) => Object.entries(group).map(([name, run]) => ({ name, run, way }));
  return [
    ...(manager === undefined ? [] : of(LISTS, WAYS.multiplexed)),
    ...(manager === undefined ? [] : of(MULTIPLEXER, WAYS.multiplexed)),
    ...(manager === undefined ? [] : of(OBJECTS, WAYS.multiplexed)),
    ...(lists === undefined ? [] : of(LISTS, WAYS['per list'])),
    ...(objects === undefined ? [] : of(OBJECTS, WAYS['per list'])),
    ...of(LISTS, WAYS.stream),
    ...of(STREAMS, WAYS.stream),
  ];
}
