/** Light, dark, or as the system has it. */
import { ActionIcon, Menu, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { Check, Monitor, Moon, Sun, type LucideIcon } from 'lucide-react';

const CHOICES: readonly (readonly [MantineColorScheme, string, LucideIcon])[] = [
  ['light', 'Light', Sun],
  ['dark', 'Dark', Moon],
  ['auto', 'As the system', Monitor],
];

export function ThemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const Icon = CHOICES.find(([value]) => value === colorScheme)?.[2] ?? Monitor;
  return (
    <Menu withinPortal={false} withInitialFocusPlaceholder={false} position="top-end" withArrow>
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label="Colours">
          <Icon size={17} aria-hidden="true" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {CHOICES.map(([value, label, Choice]) => (
          <Menu.Item
            key={value}
            leftSection={<Choice size={15} aria-hidden="true" />}
            rightSection={value === colorScheme ? <Check size={15} aria-label="chosen" /> : undefined}
            onClick={() => setColorScheme(value)}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
