/** A fenced block of a page. */
export interface Fence {
  readonly language: string;
  readonly code: string;
  /** What stands in its first line as a comment: the file that it is, for a program. */
  readonly file?: string;
}

/** A command of a page, and what the page says that it prints. */
export interface Step {
  readonly command: string;
  readonly output: string;
}

/** The fenced blocks of a page, in their order. Never throws. */
export function fencesOf(page: string): Fence[] {
  return [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = "", code = ""]) => {
    const file = /^(?:#|\/\/) (\S+\.\w+)\n/.exec(code)?.[1];
    return { language, code, ...(file === undefined ? {} : { file }) };
  });
}

/** The commands that are followed by what they print. Never throws. */
export function stepsOf(fences: readonly Fence[]): Step[] {
  return fences.flatMap((fence, i) => {
    const next = fences[i + 1];
    const isAnswered = fence.language === "sh" && (next?.language === "text" || next?.language === "json");
    return isAnswered ? [{ command: fence.code, output: next.code }] : [];
  });
}
