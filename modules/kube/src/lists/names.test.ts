import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalFields, canonicalLabels, nameIn } from '../access/selected.js';
import { formatListName, parseListName, toListName, type ListName } from './names.js';

const MAX = 255;
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?$/);
const anyText = fc.string({ unit: 'grapheme', maxLength: 30 });
const path = fc.constantFrom(
  'status.phase',
  'status',
  'metadata.labels["app.kubernetes.io/name"]',
  'spec.containers[0].image',
  'metadata.annotations["a,b&c=d%"]',
  'metadata.name',
);
const wanted = fc.record(
  {
    cluster: fc.stringMatching(/^[\w.@-]{1,20}$/),
    question: fc.record(
      {
        group: fc.oneof(fc.constant(''), label),
        version: fc.constantFrom('v1', 'v1beta1'),
        resource: label,
        namespace: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/),
        labelSelector: fc.oneof(anyText, fc.constant('app in (b, a),x==y , !z')),
        fieldSelector: fc.oneof(anyText, fc.constant('spec.nodeName==n1,metadata.name=a\\,b')),
      },
      { requiredKeys: ['group', 'version', 'resource'] },
    ),
    fields: fc.array(path, { maxLength: 4 }),
    credential: fc.stringMatching(/^[a-z0-9]{1,24}$/),
  },
  { requiredKeys: ['cluster', 'question'] },
);

const plain: ListName = { cluster: 'eu-1', question: { group: '', version: 'v1', resource: 'pods' } };
const nameOf = (question: object, more: object = {}): string =>
  formatListName(toListName({ ...plain, ...more, question: { ...plain.question, ...question } }), MAX);

describe('names of lists', () => {
  it('[KUBE-20] say cluster, kind and question', () => {
    expect(nameOf({})).toBe('kube:eu-1/-/v1/pods');
    expect(nameOf({ namespace: 'web', labelSelector: 'app=a' })).toBe(
      'kube:eu-1/-/v1/pods?ns=web&l=app%3Da'.replace('%3D', '='),
    );
    expect(nameOf({ group: 'apps', resource: 'deployments' }, { fields: ['status', 'spec.replicas'] })).toBe(
      'kube:eu-1/apps/v1/deployments?p=spec.replicas,status',
    );
  });

  it('[KUBE-20] what is read from a name is what was written into it, whatever the selectors hold', () => {
    fc.assert(
      fc.property(wanted, (given) => {
        const name = toListName(given);
        const channel = formatListName(name, 10_000);
        expect(parseListName(channel, 10_000)).toEqual(name);
      }),
      { numRuns: 500 },
    );
  });

  it('[KUBE-20] two names are one only for the same question', () => {
    fc.assert(
      fc.property(wanted, wanted, (left, right) => {
        const [one, other] = [toListName(left), toListName(right)];
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        expect(formatListName(one, 10_000) === formatListName(other, 10_000)).toBe(isSame);
      }),
      { numRuns: 300 },
    );
  });

  it('[KUBE-20] any other text is no name: it is refused, or it is written exactly so', () => {
    const changed = fc
      .tuple(wanted, fc.nat(80), fc.string({ maxLength: 3 }), fc.nat(3))
      .map(([given, at, text, cut]) => {
        const channel = formatListName(toListName(given), 10_000);
        return channel.slice(0, at) + text + channel.slice(at + cut);
      });
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 80 }), changed), (text) => {
        const name = parseListName(text, MAX);
        if (name !== undefined) expect(formatListName(name, MAX)).toBe(text);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    'kube:',
    'kube:eu-1',
    'kube:eu-1/-/v1/pods?',
    'kube:eu-1/-/v1/pods?ns=',
    'kube:eu-1/-/v1/pods?ns=..',
    'kube:eu-1/-/v1/pods?ns=web&ns=db',
    'kube:eu-1/-/v1/pods?l=a&ns=web',
    'kube:eu-1/-/v1/pods?ns=web&x=1',
    'kube:eu-1/-/v1/pods?l=b,a',
    'kube:eu-1/-/v1/pods?l=%61',
    'kube:eu-1/-/v1/pods?l=%',
    'kube:eu-1/-/v1/pods?p=status,spec',
    'kube:eu-1/-/v1/pods?p=..',
    'kube:eu-1/-/v1/pods/x',
    'kube:eu-1//v1/pods',
    'kube:../-/v1/pods/../secrets',
    'kube:eu-1/-/v1/../secrets',
    'kube:eu-1/-/v1/pods\u0000',
    'Kube:eu-1/-/v1/pods',
  ])('[KUBE-20] %j is none', (channel) => {
    expect(parseListName(channel, MAX)).toBeUndefined();
  });

  it('[KUBE-20] a question that does not fit is refused with its length', () => {
    expect(() => nameOf({ labelSelector: `app=${'x'.repeat(300)}` })).toThrow(
      expect.objectContaining({ code: 1333 }) as Error,
    );
    const channel = formatListName(
      toListName({ ...plain, question: { ...plain.question, labelSelector: 'x'.repeat(300) } }),
      400,
    );
    expect(parseListName(channel, MAX)).toBeUndefined();
  });
});

describe('selectors in one form', () => {
  it.each([
    [' b , a=1,b', 'a=1,b'],
    ['a == 1', 'a=1'],
    ['a  in (z, y,y)', 'a in (y,z)'],
    ['a notin (x),!b', '!b,a notin (x)'],
    ['a!=1', 'a!=1'],
    ['a in (x', 'a in (x'],
    ['', undefined],
  ])('[KUBE-20] labels %j are %j', (given, expected) => {
    expect(canonicalLabels(given)).toBe(expected);
  });

  it.each([
    ['b=2, a==1', 'a=1,b=2'],
    ['a=x\\,y,b!=2', 'a=x\\,y,b!=2'],
    [' ', undefined],
  ])('[KUBE-20] fields %j are %j', (given, expected) => {
    expect(canonicalFields(given)).toBe(expected);
  });

  it('[KUBE-14] a name is read only where exactly one is asked for', () => {
    expect(nameIn('metadata.name=web')).toBe('web');
    expect(nameIn('a=b,metadata.name==web')).toBe('web');
    for (const none of [
      undefined,
      '',
      'metadata.name!=web',
      'metadata.name=a,metadata.name=b',
      'xmetadata.name=a',
      'metadata.name=a\\,b',
    ])
      expect(nameIn(none)).toBeUndefined();
  });
});
