/** Selectors as texts: brought into one form, so that equal questions are one, and read for the one thing that counts for rights. */

/**
 * The name that a field selector asks for: then the API server judges a list like a request for that object. Of several, none is: nothing matches two names. Undefined where it asks for
 * no name.
 */
export function nameIn(fieldSelector: string | undefined): string | undefined {
  const names = splitFields(fieldSelector ?? '').flatMap((term) => {
    const found = /^metadata\.name==?([^=!\\]+)$/.exec(term);
    return found?.[1] === undefined ? [] : [found[1]];
  });
  return names.length === 1 ? names[0] : undefined;
}

/** Terms in order and once each, without space around them. What is not understood stays as it is: the API server says what is wrong with it. */
export function canonicalFields(selector: string | undefined): string | undefined {
  const terms = splitFields(selector ?? '').map((term) => term.replace(/^([^=!\\]+)==(?!=)/, '$1='));
  return joined(terms);
}

/** The same for label selectors, whose sets of values are ordered as well. */
export function canonicalLabels(selector: string | undefined): string | undefined {
  const terms = splitLabels(selector ?? '');
  return terms === undefined ? selector?.trim() : joined(terms.map(canonicalLabel));
}

function joined(terms: readonly string[]): string | undefined {
  const distinct = [...new Set(terms)].sort();
  return distinct.length === 0 ? undefined : distinct.join(',');
}

/** At commas without a backslash before them. */
function splitFields(selector: string): string[] {
  const terms: string[] = [];
  let term = '';
  for (let index = 0; index < selector.length; index++) {
    const char = selector[index] as string;
    if (char === '\\') term += char + (selector[++index] ?? '');
    else if (char !== ',') term += char;
    else {
      terms.push(term);
      term = '';
    }
  }
  return [...terms, term].map((text) => text.trim()).filter((text) => text !== '');
}

/** At commas outside of brackets; undefined where brackets do not fit. */
function splitLabels(selector: string): string[] | undefined {
  const terms: string[] = [];
  let [term, inside] = ['', false];
  for (const char of selector) {
    if (char === '(' || char === ')') {
      if (inside !== (char === ')')) return undefined;
      inside = !inside;
    }
    if (char === ',' && !inside) {
      terms.push(term);
      term = '';
    } else term += char;
  }
  if (inside) return undefined;
  return [...terms, term].map((text) => text.trim()).filter((text) => text !== '');
}

function canonicalLabel(term: string): string {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(term);
  if (set) {
    const values = (set[3] as string).split(',').map((value) => value.trim());
    return `${set[1] as string} ${set[2] as string} (${[...new Set(values)].sort().join(',')})`;
  }
  const compared = /^([^\s=!<>()]+)\s*(==|=|!=)\s*([^\s=!<>()]*)$/.exec(term);
  if (!compared) return term;
  const sign = compared[2] === '!=' ? '!=' : '=';
  return `${compared[1] as string}${sign}${compared[3] as string}`;
}
