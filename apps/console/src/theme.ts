/**
 * The look: one accent (jade), cool greys, tabular numbers, small radii. Text colours keep a contrast of at least 4.5:1 on both
 * surfaces, which is why `dimmed` and the filled accent are set here and not taken from the component library.
 */
import {
  createTheme,
  Notification,
  SegmentedControl,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from '@mantine/core';

const jade: MantineColorsTuple = [
  '#e6faf4',
  '#d0f1e6',
  '#a3e3cf',
  '#72d4b6',
  '#4bc7a1',
  '#2fb58d',
  '#16967a',
  '#0b7a62',
  '#0b6b56',
  '#06513f',
];
const dark: MantineColorsTuple = [
  '#dbe1e7',
  '#bcc5ce',
  '#97a3af',
  '#6d7a86',
  '#36414b',
  '#29323a',
  '#1a2127',
  '#12171b',
  '#0e1215',
  '#0a0d0f',
];

export const theme = createTheme({
  primaryColor: 'jade',
  primaryShade: { light: 7, dark: 7 },
  colors: { jade, dark },
  defaultRadius: 'md',
  fontFamily:
    'Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif',
  fontFamilyMonospace:
    'ui-monospace, SFMono-Regular, "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: '650' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Dismiss' } } }),
    SegmentedControl: SegmentedControl.extend({ classNames: { root: 'tl-segments' } }),
  },
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f5f7f8',
    '--mantine-color-dimmed': '#56616b',
    '--mantine-color-placeholder': '#66717b',
    '--mantine-color-anchor': '#0b6b56',
    '--mantine-color-error': '#c92a2a',
    '--tl-surface': '#ffffff',
    '--tl-sunken': '#f0f3f5',
    '--tl-border': '#dfe5e9',
    '--tl-accent-text': '#0b6b56',
    '--tl-live': '#12936f',
    '--tl-wait': '#c77700',
    '--tl-bad': '#d13b3b',
    '--tl-chart-1': '#0b8a6c',
    '--tl-chart-2': '#3d6fd9',
    '--tl-chart-3': '#c77700',
    '--tl-chart-4': '#c2389b',
    '--tl-chart-5': '#6b7782',
    '--tl-chart-grid': '#e6ebee',
  },
  dark: {
    '--mantine-color-body': '#0e1215',
    '--mantine-color-dimmed': '#9aa6b1',
    '--mantine-color-placeholder': '#8a96a1',
    '--mantine-color-anchor': '#5fd6b3',
    '--mantine-color-error': '#ff8787',
    '--tl-surface': '#151b20',
    '--tl-sunken': '#10161a',
    '--tl-border': '#28313a',
    '--tl-accent-text': '#5fd6b3',
    '--tl-live': '#35c79a',
    '--tl-wait': '#f0a93b',
    '--tl-bad': '#f26d6d',
    '--tl-chart-1': '#35c79a',
    '--tl-chart-2': '#7aa5ff',
    '--tl-chart-3': '#f0a93b',
    '--tl-chart-4': '#e986cf',
    '--tl-chart-5': '#98a4ae',
    '--tl-chart-grid': '#222a31',
  },
});
