#!/usr/bin/env node
/**
 * Measures how smoothly the console draws a large table that changes all the time, after a build. Nothing is asserted: frame times are the machine's.
 *
 *   node tests/browser/frames.mjs [pods] [events per second] [seconds]     default 5000 500 10
 *
 * Server, simulated API server and Chromium share the machine. Each scene prints the times between frames, what the main thread of the page did, and most
 * rows in the document; with PROFILE=1 also the functions that took most of it.
 */
import { Kit, until } from '@trunkline/testkit';

const [pods = 5_000, eventsPerSecond = 500, seconds = 10] = process.argv.slice(2).map(Number);
const SCENES = [
  { name: 'standing', pixels: 0 },
  { name: 'scrolling slowly', pixels: 12 },
  { name: 'scrolling fast', pixels: 240 },
];
const COUNTED = ['TaskDuration', 'ScriptDuration', 'RecalcStyleDuration', 'LayoutDuration'];

const kit = new Kit();
try {
  const server = await kit.server({
    readyTimeoutMs: 60_000,
    config: {
      development: true,
      log: { level: 'warn' },
      kube: { demo: { run: 'start', pods, eventsPerSecond } },
    },
  });
  const link = await until(
    'the link is printed',
    () => /https?:\S+\/console\/login\?code=\S+/.exec(server.logs())?.[0],
  );
  const browser = await kit.browser();
  const { page } = await browser.page({ viewport: { width: 1440, height: 900 } });
  await page.goto(link);
  await page.locator('main h1').waitFor();
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  for (const sort of ['', '-age']) {
    await page.evaluate((to) => (location.hash = to), `#/resources?sort=${sort}`);
    await page.locator('.tl-table-box').waitFor();
    await until('its rows are there', async () => (await page.locator('[data-row]').count()) > 10, 60_000);
    for (const { name, pixels } of SCENES) await scene(page, cdp, `${name}, ${sort || 'by name'}`, pixels);
  }
} finally {
  await kit.dispose();
}

async function scene(page, cdp, name, pixels) {
  const profiled = process.env['PROFILE'] === '1';
  if (profiled) {
    await cdp.send('Profiler.enable');
    await cdp.send('Profiler.start');
  }
  const before = await countersOf(cdp);
  const { frames, mostRows, places } = await page.evaluate(scroll, { pixels, durationMs: seconds * 1_000 });
  const after = await countersOf(cdp);
  const sorted = [...frames].sort((left, right) => left - right);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1);
  const late = frames.filter((ms) => ms > 25).length;
  console.log(
    `${name}: ${frames.length} frames in ${seconds} s, ms between them p50 ${at(0.5)} p95 ${at(0.95)} p99 ${at(0.99)} max ${at(1)}; ` +
      `late (over 25 ms) ${((100 * late) / frames.length).toFixed(1)} %; most rows in the document ${mostRows}; frames with an empty row ${places}`,
  );
  console.log(
    `  main thread: ${COUNTED.map((counter) => `${counter} ${(((after[counter] - before[counter]) / seconds) * 1_000).toFixed(0)} ms/s`).join(', ')}`,
  );
  if (profiled) printProfile((await cdp.send('Profiler.stop')).profile);
}

async function countersOf(cdp) {
  const { metrics } = await cdp.send('Performance.getMetrics');
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

/** In the page: scrolls by that much in every frame, down and up again, and notes what each frame looked like. */
function scroll({ pixels, durationMs }) {
  return new Promise((resolve) => {
    const box = document.querySelector('.tl-table-box');
    const body = box.querySelector('.tl-table-body');
    const frames = [];
    let [direction, mostRows, places] = [1, 0, 0];
    let last = performance.now();
    const end = last + durationMs;
    const frame = (now) => {
      frames.push(now - last);
      last = now;
      mostRows = Math.max(mostRows, body.childElementCount);
      if (body.querySelector('.tl-place') !== null) places++;
      if (box.scrollTop + box.clientHeight >= box.scrollHeight - 1) direction = -1;
      else if (box.scrollTop <= 0) direction = 1;
      if (pixels > 0) box.scrollTop += direction * pixels;
      if (now < end) requestAnimationFrame(frame);
      else resolve({ frames: frames.slice(1), mostRows, places });
    };
    requestAnimationFrame(frame);
  });
}

function printProfile({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const self = new Map();
  for (const [index, id] of samples.entries()) {
    const { functionName, url, lineNumber, columnNumber } = byId.get(id).callFrame;
    const name = `${functionName || '(anonymous)'} ${url.split('/').at(-1)}:${lineNumber}:${columnNumber}`;
    self.set(name, (self.get(name) ?? 0) + timeDeltas[index] / 1_000);
  }
  const top = [...self].sort((left, right) => right[1] - left[1]).slice(0, 22);
  for (const [name, ms] of top) console.log(`  ${ms.toFixed(0).padStart(6)} ms ${name}`);
}
