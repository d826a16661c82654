/** Going to another org, from wherever on a page: the frame hands the way down. */
import { createContext, useContext } from 'react';

const Switch = createContext<(org: string) => void>(() => undefined);

export const SwitchProvider = Switch.Provider;

/** Opens the console in another org. */
export function useSwitch(): (org: string) => void {
  return useContext(Switch);
}
