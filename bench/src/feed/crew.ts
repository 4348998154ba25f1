import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { compareVersions, parseVersion, type Version } from "@dimmer/statement";
import { mindChild } from "../children.ts";

/** What a process of a crew says: that it is ready, and when each of its followers had a version. */
export type CrewReport =
  | { readonly ready: number }
  /** By follower: nanoseconds of the machine's monotonic clock, which all processes share. */
  | { readonly version: string; readonly atNs: readonly bigint[] };

/** Several processes that follow a feed side by side. */
export interface Crew {
  /** Followers of all processes. */
  readonly size: number;
  /** When each follower had a version. Rejects where one has not within `timeoutMs`. */
  times(version: string, timeoutMs: number): Promise<readonly bigint[]>;
  stop(): Promise<void>;
}

/** How to start a crew. */
export interface CrewOptions {
  /** A module beside this one: it takes URL, trust, token and the number of its followers. */
  readonly script: string;
  readonly processes: number;
  readonly followers: number;
  readonly url: string;
  readonly trust: string;
  readonly token: string;
  /** Milliseconds until all are ready. */
  readonly readyMs: number;
}

/** Starts a crew. Resolves once every follower follows. */
export async function startCrew(options: CrewOptions): Promise<Crew> {
  const { script, processes, followers, url, trust, token, readyMs } = options;
  const path = fileURLToPath(new URL(script, import.meta.url));
  const each = Math.ceil(followers / processes);
  const children = Array.from({ length: processes }, () =>
    fork(path, [url, trust, token, String(each)], {
      execArgv: ["--conditions=@dimmer/source"],
      serialization: "advanced",
    }),
  );
  children.forEach(mindChild);
  try {
    await Promise.all(children.map((child) => reportOf(child, (report) => "ready" in report, readyMs)));
  } catch (error) {
    for (const child of children) child.kill("SIGKILL");
    throw error;
  }
  return {
    size: each * processes,
    times: async (version, timeoutMs) => {
      const reports = children.map((child) => {
        const reported = reportOf(child, (report) => "version" in report && report.version === version, timeoutMs);
        child.send(version);
        return reported;
      });
      return (await Promise.all(reports)).flatMap((report) => ("atNs" in report ? report.atNs : []));
    },
    stop: async () => {
      await Promise.all(
        children.map(async (child) => {
          const ended = new Promise((done) => child.once("exit", done));
          child.kill("SIGTERM");
          await ended;
        }),
      );
    },
  };
}

function reportOf(child: ChildProcess, isIt: (report: CrewReport) => boolean, timeoutMs: number): Promise<CrewReport> {
  return new Promise((done, fail) => {
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      child.off("message", onMessage);
      child.off("exit", onExit);
      finish();
    };
    const onMessage = (report: unknown): void => {
      if (isIt(report as CrewReport)) settle(() => done(report as CrewReport));
    };
    const onExit = (code: number | null): void => settle(() => fail(new Error(`a follower ended with ${code}`)));
    const timer = setTimeout(() => settle(() => fail(new Error(`no report within ${timeoutMs} ms`))), timeoutMs);
    child.on("message", onMessage);
    child.on("exit", onExit);
  });
}

/** When followers had versions: what a process of a crew keeps, and answers its questions from. */
export class Arrivals {
  /** By follower: the versions that it came to since the last report, and when. */
  readonly #times: (readonly [version: Version, atNs: bigint])[][];
  #wanted: string | undefined;

  constructor(followers: number) {
    this.#times = Array.from({ length: followers }, () => []);
    process.on("message", (version: string) => {
      this.#wanted = version;
      this.#tell();
    });
  }

  /** A follower has a version now. One that lists anew may pass others over. */
  note(follower: number, version: Version): void {
    this.#times[follower]?.push([version, process.hrtime.bigint()]);
    if (this.#wanted !== undefined) this.#tell();
  }

  /** Says that the process is ready. */
  ready(): void {
    process.send?.({ ready: this.#times.length } satisfies CrewReport);
  }

  #tell(): void {
    const wanted = parseVersion(this.#wanted ?? "");
    if (wanted === undefined) return;
    const atNs: bigint[] = [];
    for (const times of this.#times) {
      const reached = times.find(([version]) => compareVersions(version, wanted) >= 0);
      if (reached === undefined) return;
      atNs.push(reached[1]);
    }
    process.send?.({ version: this.#wanted as string, atNs } satisfies CrewReport);
    for (const times of this.#times) times.length = 0;
    this.#wanted = undefined;
  }
}
