/** A walk through a virtual table from its first row to its last, as a reader scrolls. It runs in the page. */

/**
 * Scrolls the region of this name by a little less than it shows, and at each place waits until all rows on screen are there.
 * @returns the names of all rows, in order, and most rows that were in the document in any frame
 */
export async function walkTable(region: string): Promise<{ names: string[]; mostRows: number }> {
  /** In frames: about a minute at one place. */
  const PATIENCE = 4_000;
  const box = document.querySelector(`[role=region][aria-label="${region}"]`);
  const table = box?.querySelector('[role=table]');
  const row = table?.querySelector('[data-row]')?.closest('[role=row]');
  const head = table?.querySelector('[role=rowgroup]');
  if (!box || !table || !row || !head) throw new Error(`there is no table ${region} with rows`);
  const [rowHeight, headHeight] = [row, head].map((part) => part.getBoundingClientRect().height) as [
    number,
    number,
  ];
  const names = new Map<number, string>();
  let mostRows = 0;
  const shown = (): ReadonlyMap<number, string> => {
    const rows = [...table.querySelectorAll('[aria-rowindex]')].slice(1);
    mostRows = Math.max(mostRows, rows.length);
    return new Map(
      rows.flatMap((one): [number, string][] => {
        const name = one.querySelector('[data-row]')?.textContent;
        return name ? [[Number(one.getAttribute('aria-rowindex')) - 2, name]] : [];
      }),
    );
  };
  for (let top = 0; ; top += box.clientHeight - headHeight - 2 * rowHeight) {
    box.scrollTo(0, top);
    // Those that are shown wholly.
    const first = Math.ceil(box.scrollTop / rowHeight);
    const end = Math.floor((box.scrollTop + box.clientHeight - headHeight) / rowHeight);
    for (let frames = 0; ; frames++) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const here = shown();
      let missing = 0;
      for (let index = first; index < end; index++) if (!here.has(index)) missing++;
      if (missing > 0 && frames > PATIENCE) throw new Error(`rows ${first} to ${end} do not come`);
      if (missing > 0) continue;
      for (const [index, name] of here) names.set(index, name);
      break;
    }
    if (box.scrollTop + box.clientHeight >= box.scrollHeight - 1) break;
  }
  return { names: [...names].sort(([left], [right]) => left - right).map(([, name]) => name), mostRows };
}
