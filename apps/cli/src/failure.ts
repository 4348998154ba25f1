import type { DimmerError, ErrorCode } from "@dimmer/core";

/** What the process says by its exit code: fine, the answer is no, a mistake in what was given, a fault around it. */
export const EXIT = { ok: 0, no: 1, usage: 2, environment: 3 } as const;
/** An exit code of the command. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Printed under the help of every command. */
export const EXIT_CODES_HELP = `Exit codes:
  0  done, or the answer is yes
  1  the answer is no: denied, expired, invalid, not trusted
  2  a mistake in the command, its options or a file that it was given
  3  the surroundings: port taken, file unreadable, nobody answers`;

/** A failure that a command foresees: one line for the user and the exit code. Never shown with a stack. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: ExitCode;
  readonly code: string;

  /**
   * @param exitCode what the process ends with
   * @param code a short stable name for scripts, in snake_case
   * @param message field, value and fix in one line, without a full stop at its end
   */
  constructor(exitCode: ExitCode, code: string, message: string) {
    super(message);
    this.exitCode = exitCode;
    this.code = code;
  }
}

/** Builds the failure of a mistake in the command or in a file that it was given (exit code 2). Never throws. */
export function usageFailure(message: string): CommandFailure {
  return new CommandFailure(EXIT.usage, "input_invalid", message);
}

/** Builds the failure of the surroundings (exit code 3). Never throws. */
export function environmentFailure(code: string, message: string): CommandFailure {
  return new CommandFailure(EXIT.environment, code, message);
}

const EXIT_OF_CODE: Record<ErrorCode, ExitCode> = {
  policy_invalid: EXIT.usage,
  options_invalid: EXIT.usage,
  entitlement_invalid: EXIT.usage,
  input_invalid: EXIT.usage,
  calendar_unavailable: EXIT.usage,
  statement_malformed: EXIT.no,
  statement_untrusted: EXIT.no,
  statement_expired: EXIT.no,
  statement_outdated: EXIT.no,
  feed_refused: EXIT.no,
  keys_unreadable: EXIT.environment,
  feed_unreachable: EXIT.environment,
  disk_failed: EXIT.environment,
  listen_failed: EXIT.environment,
};

/** What the system's own error codes mean to a person. */
const SYSTEM_MESSAGES: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "is a directory, a file was expected",
  ENOTDIR: "a part of the path is not a directory",
  EEXIST: "exists already",
  ENOSPC: "no space left on the device",
  EROFS: "the file system is read-only",
  ELOOP: "too many symbolic links",
  EMFILE: "too many open files",
  EADDRINUSE: "the address is taken",
  EADDRNOTAVAIL: "the address is not one of this machine's",
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the connection was cut",
};

/**
 * Turns whatever was thrown into a failure with one line and an exit code. What nobody foresaw becomes exit code 3
 * and a line that says how to see more. Never throws.
 */
export function toFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (isDimmerError(error)) return new CommandFailure(EXIT_OF_CODE[error.code], error.code, oneLine(error.message));
  if (error instanceof Error) {
    const { code, path, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
    const known = code === undefined ? undefined : SYSTEM_MESSAGES[code];
    if (code !== undefined && known !== undefined) {
      const where = path ?? (port === undefined ? address : `${address ?? ""}:${port}`);
      return environmentFailure(code.toLowerCase(), where === undefined ? known : `${where}: ${known}`);
    }
    // A TypeError with a message is how the packages refuse a caller's mistake in options, which here are the user's.
    if (error instanceof TypeError && isForCaller(error)) return usageFailure(oneLine(error.message));
    return environmentFailure("unexpected", `${oneLine(error.message)} (unexpected; DIMMER_DEBUG=1 shows more)`);
  }
  return environmentFailure("unexpected", `${oneLine(String(error))} (unexpected)`);
}

/** By name, so that `dimmer --help` need not load core for the class. */
function isDimmerError(error: unknown): error is DimmerError {
  return error instanceof Error && error.name === "DimmerError" && "code" in error;
}

/** The engine's own TypeErrors ("x is not a function", "Cannot read properties of…") are faults of ours. */
function isForCaller(error: TypeError): boolean {
  return !/is not (?:a function|iterable|a constructor|defined)|Cannot (?:read|set|destructure|convert)/.test(
    error.message,
  );
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*[\r\n]+\s*/g, " ");
}
