/** The delivery state of a reader, in one word and one colour. */
import type { SubscriptionSummary } from '@trunkline/contracts/node';

type Delivery = SubscriptionSummary['delivery'];

const WORDS: Readonly<Record<Delivery, { readonly tone: 'live' | 'wait' | 'bad'; readonly label: string }>> =
  {
    flowing: { tone: 'live', label: 'flowing' },
    conflating: { tone: 'wait', label: 'conflating' },
    gapping: { tone: 'bad', label: 'gapping' },
    cut: { tone: 'bad', label: 'cut off' },
  };

export function DeliveryMark({ delivery }: { readonly delivery: Delivery }) {
  const { tone, label } = WORDS[delivery];
  return (
    <span className="tl-mark" data-tone={tone}>
      <span className="tl-dot" aria-hidden="true" />
      {label}
    </span>
  );
}
