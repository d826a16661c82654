/** Where a virtual list begins on the page, which its rows are counted from; followed, because what stands above may grow. */
import { useEffect, useRef, useState, type RefObject } from 'react';

/** The element's distance from the top of the page, in CSS pixels. */
export function useTopOf<E extends HTMLElement>(): readonly [RefObject<E | null>, number] {
  const ref = useRef<E>(null);
  const [top, setTop] = useState(0);
  useEffect(() => {
    const measure = (): void => {
      if (ref.current) setTop(Math.round(ref.current.getBoundingClientRect().top + scrollY));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  return [ref, top];
}
