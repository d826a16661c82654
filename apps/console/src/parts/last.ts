/** A dialog on its way out: what it spoke of is gone already, and its words must not be, as long as it can be seen and heard. */
import { useRef } from 'react';

/** `value`; while that is undefined, the last one that was not. Keeps it as long as its component lives: not for anything that is a secret. */
export function useLast<T>(value: T): T {
  const last = useRef(value);
  if (value !== undefined) last.current = value;
  return last.current;
}
