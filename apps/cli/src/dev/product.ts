import { type ChildProcess, spawn } from "node:child_process";
import { request } from "node:http";

/** How a product is started. */
export interface ProductStart {
  /** For people, as in `notes`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What answers once the product is ready: any answer below 500 counts. */
  readonly readyUrl: string;
  /** Milliseconds after which waiting ends. */
  readonly readyWithinMs: number;
  /** Ends the waiting, and the product, at once. */
  readonly signal: AbortSignal;
}

/** A product that runs in a process of its own. */
export interface Product {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended by itself: with how, and the last lines that it wrote. */
  readonly died: Promise<string>;
  /** Asks it to end, and makes it end after two seconds. Never rejects. */
  stop(): Promise<void>;
}

const KEPT_LINES = 12;
const STOP_WITHIN_MS = 2_000;
const READY_POLL_MS = 50;

/**
 * Starts a product and waits until it answers. It gets a process group of its own, so that Ctrl-C reaches it through
 * `stop` alone, and a pipe as stdin, whose end tells it that this process is gone, be it by SIGKILL.
 *
 * @param onLine each line that it writes
 * @throws {Error} saying how it ended, or that it never answered; its process is gone then
 */
export async function startProduct(start: ProductStart, onLine: (line: string) => void): Promise<Product> {
  const { name, command, args, readyUrl, readyWithinMs, signal } = start;
  const child = spawn(command, [...args], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    env: environment(),
  });
  const lines: string[] = [];
  const keep = (line: string): void => {
    if (lines.push(line) > KEPT_LINES) lines.shift();
    onLine(line);
  };
  readLines(child, keep);
  let isStopping = false;
  let isOver = false;
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`cannot be started: ${error.message}`));
    child.once("close", (code, signal) =>
      resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
    );
  }).then((how) => {
    isOver = true;
    return lines.length === 0 ? how : `${how}; it last wrote:\n${lines.map((line) => `    ${line}`).join("\n")}`;
  });
  const stop = async (): Promise<void> => {
    isStopping = true;
    if (isOver) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  };
  const first = await Promise.race([ended, answers(readyUrl, readyWithinMs, () => isOver || signal.aborted)]);
  if (first !== true) {
    await stop();
    throw new Error(first === false ? `does not answer at ${readyUrl} within ${readyWithinMs / 1000} s` : first);
  }
  const died = new Promise<string>((resolve) => {
    void ended.then((how) => {
      if (!isStopping) resolve(how);
    });
  });
  return { name, pid: child.pid ?? 0, died, stop };
}

/** The surroundings of a product: without what is said to this command, passphrases above all. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("DIMMER_"));
  return { ...Object.fromEntries(own), PYTHONDONTWRITEBYTECODE: "1" };
}

function readLines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream?.setEncoding("utf8");
    stream?.on("data", (part: string) => {
      const pieces = (rest + part).split("\n");
      rest = pieces.pop() ?? "";
      for (const piece of pieces) onLine(piece);
    });
    stream?.on("end", () => {
      if (rest !== "") onLine(rest);
    });
  }
  // A product that ends before it has read its stdin is no fault of this process.
  child.stdin?.on("error", () => {});
}

/** Asks until something answers below 500; false when it has taken too long or there is nobody left to answer. */
async function answers(url: string, withinMs: number, isOver: () => boolean): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline && !isOver()) {
    if (await answersOnce(url)) return true;
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  return false;
}

function answersOnce(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const question = request(url, { timeout: 1_000, agent: false }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 500);
    });
    question.on("timeout", () => question.destroy());
    question.on("error", () => resolve(false));
    question.end();
  });
}
