/** Keeps a failure of one screen to that screen: the menu stays, and another place, or a second try, starts afresh. */
import { Component, type ReactNode } from 'react';
import { Failure } from './notices.js';

interface State {
  readonly failure: Error | undefined;
}

export class Boundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { failure: undefined };

  static getDerivedStateFromError(cause: unknown): State {
    return { failure: cause instanceof Error ? cause : new Error(String(cause)) };
  }

  override render(): ReactNode {
    const { failure } = this.state;
    if (!failure) return this.props.children;
    return (
      <div className="tl-page">
        <h1 className="tl-hidden">Something went wrong</h1>
        <div className="tl-panel">
          <Failure
            title="This screen failed"
            reason={failure.message}
            retry={() => this.setState({ failure: undefined })}
          />
        </div>
      </div>
    );
  }
}
