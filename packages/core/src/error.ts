/** Every code of a `DimmerError`: a closed union, so that callers may switch on it. */
export type ErrorCode =
  | "policy_invalid"
  | "options_invalid"
  | "entitlement_invalid"
  | "statement_malformed"
  | "statement_untrusted"
  | "statement_expired"
  | "statement_outdated"
  | "keys_unreadable"
  | "feed_refused"
  | "feed_unreachable"
  | "disk_failed"
  | "listen_failed"
  | "input_invalid"
  | "calendar_unavailable";

/** The one error of Dimmer. A denial is a value and never one of these. */
export class DimmerError extends Error {
  override readonly name = "DimmerError";
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;

  /** @param message what is wrong, with the field, the value and the fix; shown to users as it is */
  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown; readonly retryable?: boolean }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options?.retryable ?? false;
  }
}
