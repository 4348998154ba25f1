import { DimmerError, type ErrorCode } from "@dimmer/core";

/** A source failed, and may have said when to come back. */
export class SourceFault extends DimmerError {
  /** Milliseconds that the source asked to be left alone for. */
  readonly retryAfterMs: number | undefined;
  /** What happened since is no longer kept there: list again. */
  readonly isGone: boolean;
  /** The source has no stream; it is polled. */
  readonly isUnsupported: boolean;

  constructor(
    message: string,
    options: {
      readonly code?: ErrorCode;
      readonly cause?: unknown;
      readonly retryAfterMs?: number | undefined;
      readonly isRetryable?: boolean;
      readonly isGone?: boolean;
      readonly isUnsupported?: boolean;
    } = {},
  ) {
    super(options.code ?? "feed_unreachable", message, {
      cause: options.cause,
      retryable: options.isRetryable ?? true,
    });
    this.retryAfterMs = options.retryAfterMs;
    this.isGone = options.isGone ?? false;
    this.isUnsupported = options.isUnsupported ?? false;
  }
}
