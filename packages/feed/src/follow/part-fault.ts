import { DimmerError, type ErrorCode } from "@dimmer/core";
import { fileOfPart } from "./feed-paths.ts";
import type { PartKind } from "./ports.ts";

/** A part of a feed by its name. */
export interface PartName {
  readonly kind: PartKind;
  readonly digest: string;
}

/** An update is refused because of one part, which the message names as its file in a feed directory. */
export class PartFault extends DimmerError {
  readonly part: PartName;

  /** @param message what is wrong with the part, with the line or field */
  constructor(
    part: PartName,
    message: string,
    options: { readonly code?: ErrorCode; readonly cause?: unknown; readonly retryable?: boolean } = {},
  ) {
    super(options.code ?? "feed_refused", `${fileOfPart(part.kind, part.digest)}: ${message}`, {
      cause: options.cause,
      retryable: options.retryable ?? false,
    });
    this.part = part;
  }

  /** Names the part in an error that was raised while it was read. */
  static of(part: PartName, error: unknown): PartFault {
    if (error instanceof PartFault) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new PartFault(part, message, {
      code: error instanceof DimmerError ? error.code : "feed_refused",
      cause: error,
      // A key that is not known yet: the newest keysets may know it.
      retryable: error instanceof DimmerError && error.retryable,
    });
  }
}
