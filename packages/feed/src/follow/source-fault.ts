import { DimmerError, type ErrorCode } from "@dimmer/core";

/** A source failed, and may have said when to come back. */
export class SourceFault extends DimmerError {
  /** Milliseconds that the source asked to be left alone for. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: {
      readonly code?: ErrorCode;
      readonly cause?: unknown;
      readonly retryAfterMs?: number | undefined;
      readonly isRetryable?: boolean;
    } = {},
  ) {
    super(options.code ?? "feed_unreachable", message, {
      cause: options.cause,
      retryable: options.isRetryable ?? true,
    });
    this.retryAfterMs = options.retryAfterMs;
  }
}
