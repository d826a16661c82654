/** What the pages of `/docs` consist of: our own HTML and script around the library that draws the API. They follow the browser's light or dark. */
import type { Contract } from '@trunkline/contracts';
import { codeSections, RETRIES } from '../openapi/references.js';

const STYLE = `
:root { color-scheme: light dark; }
body { margin: 0; background: light-dark(#fff, #1c2022); }
header { display: flex; flex-wrap: wrap; gap: .4rem 1.4rem; align-items: baseline; padding: .8rem 1.4rem; font: 15px/1.5 system-ui, sans-serif; border-bottom: 1px solid light-dark(#ddd, #3a4045); }
header strong { font-size: 1.1rem; }
header a, main a { color: light-dark(#0b57d0, #8ab4f8); }
`;

function shell(title: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Trunkline</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png" sizes="32x32">
<style>${STYLE}</style>
${head}</head>
<body>
<header>
<strong>Trunkline</strong>
<a href="/docs">Server API</a>
<a href="/docs/errors">Codes</a>
<a href="/openapi.json">openapi.json</a>
<a href="/asyncapi.json">asyncapi.json</a>
</header>
${body}
</body>
</html>
`;
}

export const DOCS_PAGE = shell(
  'Server API',
  '<link rel="stylesheet" href="/docs/swagger-ui.css">\n',
  `<main id="api"></main>
<noscript><p>This page needs JavaScript; the document behind it is <a href="/openapi.json">openapi.json</a>.</p></noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>`,
);

/** Nothing is sent anywhere: no validator badge, and the key that is entered stays in the page. */
export const DOCS_SCRIPT = `'use strict';
const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  persistAuthorization: false,
});
`;

const TABLE_STYLE = `<style>
main { font: 15px/1.5 system-ui, sans-serif; color: light-dark(#222, #ddd); padding: 0 1.4rem 3rem; max-width: 76rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .45rem .8rem .45rem 0; border-bottom: 1px solid light-dark(#e4e4e4, #33393e); }
code { font-family: ui-monospace, monospace; font-size: .93em; }
tr:target { background: light-dark(#fff3c4, #4a4320); }
</style>
`;

/** Every code with what to do; a row is addressed by its number, `/docs/errors#103`. */
export function errorPage(contracts: readonly Contract[]): string {
  const retries = Object.entries(RETRIES)
    .map(([retry, meaning]) => `<code>${retry}</code> ${escape(meaning)}`)
    .join('; ');
  const sections = codeSections(contracts).map(
    ({ title, intro, rows }) => `<h2>${escape(title)}</h2>
<p>${inline(intro)}</p>
<div class="wide" tabindex="0" role="region" aria-label="${escape(title)}">
<table>
<thead><tr><th>Code</th><th>Name</th><th>Message</th><th>Retry</th><th>Meaning</th><th>What to do</th></tr></thead>
<tbody>
${rows
  .map(
    ({ code, name, message, retry, meaning, help }) =>
      `<tr id="${code}"><td>${code}</td><td><code>${escape(name)}</code></td><td>${escape(message)}</td><td><code>${retry}</code></td><td>${inline(meaning)}</td><td>${inline(help)}</td></tr>`,
  )
  .join('\n')}
</tbody>
</table>
</div>`,
  );
  return shell(
    'Codes',
    TABLE_STYLE,
    `<main>\n<h1>Codes</h1>\n<p>Retry: ${retries}.</p>\n${sections.join('\n')}\n</main>`,
  );
}

/** Text with code spans. */
function inline(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
