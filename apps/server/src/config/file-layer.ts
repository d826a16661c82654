/**
 * The YAML file as a layer, with the line of every key. JSON is YAML, so a JSON file works too. An empty section (`server:` with
 * everything under it commented out) counts as not written.
 */
import { basename } from 'node:path';
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import { emptyTree, isTree, Layer, type Tree } from './layer.js';
import { formatPath, type Path } from './walk.js';

/** Never throws: what cannot be read is a problem of the layer. `file` names the source. */
export function readFileLayer(text: string, file: string): Layer {
  const layer = new Layer();
  const lines = new LineCounter();
  const name = basename(file);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number | undefined): string =>
    offset === undefined ? name : `${name}:${lines.linePos(offset).line}`;
  for (const { message, pos } of [...document.errors, ...document.warnings]) {
    layer.problems.push({ path: '', message: `not valid YAML: ${message}`, source: at(pos[0]) });
  }
  if (document.errors.length > 0) return layer;
  const content = toValue(document, layer, name);
  if (content === undefined || content === null) return layer;
  if (!isTree(content)) {
    layer.problems.push({
      path: '',
      message: 'expected keys and values at the top of the file',
      source: at(0),
    });
    return layer;
  }
  Object.assign(layer.tree, withoutEmpty(content));
  recordLines(document.contents, [], layer.sources, at);
  return layer;
}

/** Aliases are resolved here, within the parser's bound on their number. */
function toValue(document: Document, layer: Layer, source: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    layer.problems.push({ path: '', message: `not valid YAML: ${(cause as Error).message}`, source });
    return undefined;
  }
}

function withoutEmpty(tree: Tree): Tree {
  const kept = emptyTree();
  for (const [key, value] of Object.entries(tree)) {
    if (value !== null) kept[key] = isTree(value) ? withoutEmpty(value) : value;
  }
  return kept;
}

function recordLines(
  node: unknown,
  path: Path,
  sources: Map<string, string>,
  at: (offset: number | undefined) => string,
): void {
  if (isMap(node)) {
    for (const pair of node.items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue;
      const inside = [...path, String(pair.key.value)];
      sources.set(formatPath(inside), at(pair.key.range?.[0]));
      recordLines(pair.value, inside, sources, at);
    }
  } else if (isSeq(node)) {
    node.items.forEach((item, index) => {
      const range = (item as { readonly range?: readonly number[] | null }).range;
      sources.set(formatPath([...path, index]), at(range?.[0]));
      recordLines(item, [...path, index], sources, at);
    });
  }
}
