/** How a failed attempt goes on. */
export interface SendFailureOptions {
  /** The receiver wants nothing more: the event is a dead letter at once, and the endpoint is paused. Default: false. */
  readonly isGone?: boolean;
  /** Another attempt cannot succeed: the event is a dead letter at once. Default: false. */
  readonly isFinal?: boolean;
  /**
   * Nobody knows where the event should go, or how to sign it: nothing was tried. It waits, its endpoint is shown as
   * `unconfigured`, and it is asked again every minute. Default: false.
   */
  readonly isUnconfigured?: boolean;
  /**
   * The sender had no room for it in time: nothing was tried. It waits for seconds and no attempt is counted. Default:
   * false.
   */
  readonly isUnsent?: boolean;
  /** How long the receiver asks to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * What a sender rejects with where an event did not arrive. Anything else that it rejects with counts as a failure that
 * is tried again.
 */
export class SendFailure extends Error {
  override readonly name = "SendFailure";
  readonly isGone: boolean;
  readonly isFinal: boolean;
  readonly isUnconfigured: boolean;
  readonly isUnsent: boolean;
  readonly retryAfterMs: number | undefined;

  /** @param message what went wrong, for operators; it is kept and shown, so no payload and no secret may stand in it */
  constructor(
    message: string,
    {
      isGone = false,
      isFinal = false,
      isUnconfigured = false,
      isUnsent = false,
      retryAfterMs,
      cause,
    }: SendFailureOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.isGone = isGone;
    this.isFinal = isFinal || isGone;
    this.isUnconfigured = isUnconfigured && !this.isFinal;
    this.isUnsent = isUnsent && !this.isFinal;
    this.retryAfterMs = retryAfterMs;
  }
}
