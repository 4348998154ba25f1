import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { CLEAR, type Weather } from "./weather.ts";

/** A line between a replica and its feed that can be made bad. */
export interface TcpProxy {
  /** Where clients connect, on loopback. */
  readonly port: number;
  /** Connections that clients have opened so far. */
  readonly accepted: number;
  /** Open connections at present. */
  readonly open: number;
  /** What becomes of answers from now on. Requests pass, unless `isBothWays`. */
  set(weather: Weather, options?: { readonly isBothWays?: boolean }): void;
  /** Leaves the connections that are open half-open for good: they stand, and nothing passes them any more. */
  halfOpen(): void;
  /** Breaks off every connection. */
  resetAll(): void;
  close(): Promise<void>;
}

/** Takes connections on a free port and passes bytes on to `upstream`, through the weather of the moment. */
export async function startTcpProxy(upstream: { readonly port: number }): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let accepted = 0;
  let now = { weather: CLEAR, isBothWays: false };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    accepted += 1;
    if (now.weather.isRefusing === true) {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const pair = new Pair(client, upstream.port, () => now);
    pairs.add(pair);
    pair.whenOver(() => pairs.delete(pair));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const resetAll = (): void => {
    for (const pair of pairs) pair.reset();
  };
  return {
    port: portOf(server),
    get accepted() {
      return accepted;
    },
    get open() {
      return pairs.size;
    },
    set: (weather, { isBothWays = false } = {}) => {
      now = { weather, isBothWays };
      if (weather.isRefusing === true) resetAll();
    },
    halfOpen: () => {
      for (const pair of pairs) pair.isDead = true;
    },
    resetAll,
    close: async () => {
      resetAll();
      await new Promise((done) => server.close(done));
    },
  };
}

/** One connection of a client and the one to the server that belongs to it. */
class Pair {
  isDead = false;
  readonly #client: Socket;
  readonly #server: Socket;

  constructor(client: Socket, port: number, now: () => { weather: Weather; isBothWays: boolean }) {
    this.#client = client;
    this.#server = dial({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.#pass(this.#server, client, () => now().weather);
    this.#pass(client, this.#server, () => (now().isBothWays ? now().weather : CLEAR));
  }

  /** Tells when both ends are gone. */
  whenOver(over: () => void): void {
    let left = 2;
    const one = (): void => {
      left -= 1;
      if (left === 0) over();
    };
    this.#client.once("close", one);
    this.#server.once("close", one);
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** Passes bytes on in their order, each after its delay. */
  #pass(from: Socket, to: Socket, weather: () => Weather): void {
    let before = 0;
    let line: Promise<void> = Promise.resolve();
    const inTurn = (work: () => void, delayMs = 0): void => {
      line = line.then(async () => {
        if (delayMs > 0) await new Promise((done) => setTimeout(done, delayMs));
        if (!this.isDead && !to.destroyed) work();
      });
    };
    from.on("data", (piece: Buffer) => {
      if (this.isDead) return;
      const { bytes, delayMs, ending } = weather().fate(piece, before);
      before += piece.length;
      inTurn(() => {
        if (bytes.length > 0) to.write(bytes);
        if (ending === "reset") this.reset();
        if (ending === "end") {
          to.end();
          from.destroy();
        }
      }, delayMs);
    });
    from.on("end", () => inTurn(() => void to.end()));
    // Of a half-open connection nobody hears anything, not even that the other end is gone.
    from.on("close", () => inTurn(() => void to.destroy()));
    from.on("error", () => inTurn(() => void to.resetAndDestroy()));
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy listens on no port");
  return address.port;
}
