/** The mark: one trunk, three lines. The same drawing as `public/logo.svg`. */
export function Logo({ size = 28 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="tl-logo">
      <rect width="32" height="32" rx="8" fill="#0b6b56" />
      <g fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round">
        <path d="M6 16h19" />
        <path d="M10.5 16c4.6 0 4.4-7 9-7h2" />
        <path d="M10.5 16c4.6 0 4.4 7 9 7h2" />
      </g>
      <g fill="#7ef0cf">
        <circle cx="24.4" cy="9" r="2.4" />
        <circle cx="26" cy="16" r="2.4" />
        <circle cx="24.4" cy="23" r="2.4" />
      </g>
    </svg>
  );
}
