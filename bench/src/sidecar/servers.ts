import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BenchFeed } from "../bench-feed.ts";
import { type BenchChild, startChild } from "../child.ts";

/** A server under load. */
export interface Server {
  readonly name: string;
  readonly title: string;
  readonly socketPath: string;
  /** On 127.0.0.1; `undefined` where it listens on the socket alone. */
  readonly port: number | undefined;
  readonly child: BenchChild;
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const SERVER_CORE = 0;

/** The C floor: compiled here. `undefined` where the machine has no C compiler. */
export async function startFloor(folder: string, core: number = SERVER_CORE): Promise<Server | undefined> {
  const program = join(folder, "floor");
  try {
    execFileSync("cc", ["-O2", "-o", program, here("floor.c")], { stdio: "pipe" });
  } catch {
    return undefined;
  }
  const socketPath = join(folder, "floor.sock");
  const child = await startChild([program, socketPath], { core });
  return { name: "c-floor", title: "C floor (epoll, fixed answer)", socketPath, port: undefined, child };
}

/** Raw `node:http`, the measure of the sidecar. */
export async function startRaw(folder: string): Promise<Server> {
  const socketPath = join(folder, "raw.sock");
  const child = await startChild([process.execPath, here("raw-server.ts"), socketPath], { core: SERVER_CORE });
  return { name: "raw", title: "raw `node:http`, JSON body, fixed answer", socketPath, port: portOf(child), child };
}

/** The sidecar as it is shipped, on a feed of 10,000 tenants. */
export async function startDimmer(folder: string, feed: BenchFeed): Promise<Server> {
  const socketPath = join(folder, "sidecar.sock");
  const flags = ["--conditions=@dimmer/source", here("dimmer-server.ts")];
  const child = await startChild([process.execPath, ...flags, socketPath, feed.directory, feed.trust], {
    core: SERVER_CORE,
  });
  return { name: "dimmer", title: "Dimmer sidecar", socketPath, port: portOf(child), child };
}

function portOf({ ready }: BenchChild): number {
  return ready["port"] as number;
}
