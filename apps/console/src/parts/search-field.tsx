/** A field for words that narrow what is on screen. */
import { TextInput } from '@mantine/core';
import { Search } from 'lucide-react';

export interface SearchFieldProps {
  /** What is searched, for those who hear it. */
  readonly label: string;
  /** Default: `Search`. */
  readonly placeholder?: string;
  /** Within a panel or drawer. Default false. */
  readonly small?: boolean;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

export function SearchField({
  label,
  placeholder = 'Search',
  small = false,
  value,
  onChange,
}: SearchFieldProps) {
  return (
    <TextInput
      className="tl-grow"
      {...(small && { size: 'xs' })}
      aria-label={label}
      placeholder={placeholder}
      leftSection={<Search size={small ? 14 : 16} aria-hidden="true" />}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      spellCheck={false}
      autoCapitalize="none"
    />
  );
}
