import { readdirSync } from "node:fs";
import { residentOf } from "../feed/memory.ts";
import type { Sample } from "./slope.ts";

/** What was seen of one role over the lives of its processes. */
export interface Role {
  readonly role: string;
  readonly memoryMb: readonly (readonly Sample[])[];
  readonly openFiles: readonly (readonly Sample[])[];
  readonly mostMb: number;
}

interface Life {
  readonly role: string;
  readonly pid: number;
  readonly sinceS: number;
  readonly memoryMb: Sample[];
  readonly openFiles: Sample[];
}

/** Looks at the memory and the open files of processes that are started and killed. */
export class ProcessLives {
  readonly #lives: Life[] = [];
  readonly #warmUpS: number;
  readonly #mostMb = new Map<string, number>();

  /** @param warmUpS seconds of each life that tell nothing: code is loaded, caches are filled */
  constructor(warmUpS: number) {
    this.#warmUpS = warmUpS;
  }

  /** A process of this role lives from now on, and the one before does not. */
  start(role: string, pid: number, nowS: number): void {
    this.#lives.push({ role, pid, sinceS: nowS, memoryMb: [], openFiles: [] });
  }

  /** Looks at every process that lives. */
  look(nowS: number): void {
    for (const life of this.#present()) {
      const { allMb } = residentOf(life.pid);
      const files = openFilesOf(life.pid);
      if (Number.isNaN(allMb) || files === undefined) continue;
      this.#mostMb.set(life.role, Math.max(this.#mostMb.get(life.role) ?? 0, allMb));
      if (nowS - life.sinceS < this.#warmUpS) continue;
      life.memoryMb.push([nowS, allMb]);
      life.openFiles.push([nowS, files]);
    }
  }

  /** All roles, by name. */
  roles(): readonly Role[] {
    return [...Map.groupBy(this.#lives, ({ role }) => role)]
      .map(([role, lives]) => ({
        role,
        memoryMb: lives.map(({ memoryMb }) => memoryMb),
        openFiles: lives.map(({ openFiles }) => openFiles),
        mostMb: this.#mostMb.get(role) ?? Number.NaN,
      }))
      .toSorted((a, b) => a.role.localeCompare(b.role));
  }

  /** The last of each role. */
  #present(): readonly Life[] {
    return [...new Map(this.#lives.map((life) => [life.role, life])).values()];
  }
}

function openFilesOf(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}
