/** A browser as far as signing in needs one: follows redirects, keeps the cookies of each site, and shows what it met on the way. */

export interface Visit {
  readonly status: number;
  readonly url: string;
  readonly text: string;
  readonly headers: Headers;
}

const MAX_HOPS = 20;

export class Visitor {
  /** By origin, then by name. */
  readonly #jars = new Map<string, Map<string, string>>();

  /** One request without following. */
  async ask(url: string, init: RequestInit = {}): Promise<Visit> {
    const { origin } = new URL(url);
    const jar = this.#jarOf(origin);
    const headers = new Headers(init.headers);
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '));
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(jar, line);
    return { status: response.status, url, text: await response.text(), headers: response.headers };
  }

  /** Goes where it is sent, until an answer is no redirect or leads to where `stopAt` says. */
  async visit(url: string, stopAt: (next: string) => boolean = () => false): Promise<Visit> {
    let at = url;
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const found = await this.ask(at);
      const location = found.headers.get('location');
      if (location === null) return found;
      at = new URL(location, at).href;
      if (stopAt(at)) return { ...found, url: at };
    }
    throw new Error(`too many redirects, the last one to ${at}`);
  }

  cookie(origin: string, name: string): string | undefined {
    return this.#jars.get(origin)?.get(name);
  }

  #jarOf(origin: string): Map<string, string> {
    const jar = this.#jars.get(origin) ?? new Map<string, string>();
    this.#jars.set(origin, jar);
    return jar;
  }

  #keep(jar: Map<string, string>, line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const at = pair.indexOf('=');
    const gone = attributes.some((one) => /^(max-age=0|expires=thu, 01 jan 1970)/i.test(one));
    if (gone) jar.delete(pair.slice(0, at));
    else jar.set(pair.slice(0, at), pair.slice(at + 1));
  }
}
