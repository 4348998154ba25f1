/** What a check found: all is well, something to know, or something that is wrong, with what to do about it. */
export interface Finding {
  /** What was looked at, as in `keys` or `clock`. */
  readonly about: string;
  readonly state: "ok" | "note" | "fault";
  readonly message: string;
  readonly fix?: string;
}

/** All is well. Never throws. */
export function fine(about: string, message: string): Finding {
  return { about, state: "ok", message };
}

/** Something is wrong, and this is what to do. Never throws. */
export function fault(about: string, message: string, fix: string): Finding {
  return { about, state: "fault", message, fix };
}

/** Something to know, wrong or not. Never throws. */
export function remark(about: string, message: string, fix?: string): Finding {
  return { about, state: "note", message, ...(fix === undefined ? {} : { fix }) };
}
