import { createServer } from "node:net";
import { environmentFailure } from "../failure.ts";

const LOOPBACK = "127.0.0.1";

/** A port that something wants. */
export interface WantedPort {
  /** 0 for any free one. */
  readonly port: number;
  /** Who wants it, for people. */
  readonly by: string;
  readonly flag: string;
}

/**
 * Finds out that ports on 127.0.0.1 are free, before anything is started, and chooses one for each that is 0. Another
 * process may still take one in the moment between.
 *
 * @returns the ports, in their order
 * @throws {CommandFailure} naming the port that is taken, who wants it, and the flag to change
 */
export async function freePorts(wanted: readonly WantedPort[]): Promise<number[]> {
  const taken: { readonly close: () => Promise<void>; readonly port: number }[] = [];
  try {
    for (const want of wanted) taken.push(await take(want));
    return taken.map(({ port }) => port);
  } finally {
    // Held until all are chosen, so that no two zeros become the same port.
    await Promise.all(taken.map(({ close }) => close()));
  }
}

async function take({ port, by, flag }: WantedPort): Promise<{ close: () => Promise<void>; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "is taken" : `cannot be used (${error.code ?? error.message})`;
      const fix = `stop what listens there, or choose another port with ${flag} N (0 = any free one)`;
      reject(environmentFailure("port_taken", `port ${port} on ${LOOPBACK} ${why}: ${by} wants it; ${fix}`));
    });
    server.listen({ port, host: LOOPBACK, exclusive: true }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
