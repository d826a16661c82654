/** How full something is, as a bar with its words; the bar says nothing that the words do not. */
export function Meter({
  value,
  max,
  children,
}: {
  readonly value: number;
  readonly max: number | null | undefined;
  readonly children: string;
}) {
  const share = typeof max === 'number' && max > 0 ? Math.min(1, value / max) : 0;
  const tone = share >= 0.8 ? 'bad' : share >= 0.4 ? 'wait' : 'live';
  return (
    <span className="tl-meter">
      <span className="tl-num">{children}</span>
      <span className="tl-meter-bar" aria-hidden="true">
        <i data-tone={tone} style={{ width: `${value > 0 ? Math.max(3, share * 100) : 0}%` }} />
      </span>
    </span>
  );
}
