/** Retained publications and entries of maps as the API gives them: one line each for people, one JSON object each for scripts. */
import type { ApiResult } from '@trunkline/contracts/api';
import { oneLine, timeOfDay } from './format.js';
import type { Paint } from './io.js';

export type ApiPublication = ApiResult<'history'>['publications'][number];

/** The object that `--json` prints. `epoch` gives the offset its meaning; '' where the channel numbers nothing. */
export function toJsonPublication(item: ApiPublication, epoch: string): object {
  const { time, data, ...more } = item;
  return {
    ...more,
    ...(item.offset === undefined ? {} : { epoch }),
    ...(time === undefined ? {} : { timeMs: time }),
    ...(item.b64data === undefined ? { data: data ?? null } : {}),
  };
}

/** Date and time, offset, key, data, tags, who published. No line feed at the end. */
export function publicationLine(item: ApiPublication, paint: Paint): string {
  const cells: string[] = [];
  if (item.time !== undefined) cells.push(paint.dim(dateTime(item.time)));
  cells.push(
    paint.yellow(String(item.offset === undefined || item.offset === 0 ? '-' : item.offset).padStart(6)),
  );
  if (item.key !== undefined) cells.push(paint.magenta(oneLine(item.key)));
  cells.push(
    item.removed === true
      ? paint.dim('(removed)')
      : item.b64data !== undefined
        ? `(bytes) ${item.b64data}`
        : oneLine(JSON.stringify(item.data ?? null)),
  );
  const tags = Object.entries(item.tags ?? {});
  if (tags.length > 0)
    cells.push(paint.dim(oneLine(tags.map(([name, value]) => `${name}=${value}`).join(' '))));
  if (item.info !== undefined)
    cells.push(paint.dim(`by ${oneLine(item.info.user === '' ? item.info.client : item.info.user)}`));
  return cells.join('  ');
}

/** `2026-01-02 03:04:05.006` in local time. */
export function dateTime(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${timeOfDay(timeMs)}`;
}
