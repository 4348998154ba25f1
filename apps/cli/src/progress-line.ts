/** A line that shows how far something has come. */
export interface ProgressLine {
  /** Shows a text, unless the last one was shown a moment ago. */
  show(text: () => string): void;
  end(): void;
}

/** Shows progress on stderr: on a terminal one line that is written over, else a line every second. Never throws. */
export function progressLine(): ProgressLine {
  const startedMs = performance.now();
  const isTerminal = process.stderr.isTTY;
  const everyMs = isTerminal ? 100 : 1_000;
  let shownMs = startedMs + (isTerminal ? 400 : 0);
  let isOpen = false;
  return {
    show: (text) => {
      const nowMs = performance.now();
      if (nowMs - shownMs < everyMs) return;
      shownMs = nowMs;
      const line = `${text()}, ${((nowMs - startedMs) / 1_000).toFixed(1)} s`;
      process.stderr.write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
      isOpen = isTerminal;
    },
    end: () => {
      if (isOpen) process.stderr.write("\r\u001b[K");
    },
  };
}
