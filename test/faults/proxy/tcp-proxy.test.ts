import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { seededRandom } from "../random.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";
import {
  CLEAR,
  delaying,
  dropping,
  flipping,
  GONE,
  reordering,
  SWALLOWING,
  truncating,
  type Weather,
} from "./weather.ts";

let server: Server;
let proxy: TcpProxy;
const clients: Socket[] = [];

beforeEach(async () => {
  // Answers each piece with the same piece in capitals.
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => socket.write(bytes.toString().toUpperCase()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  proxy = await startTcpProxy({ port: typeof address === "object" && address !== null ? address.port : 0 });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  server.close();
});

interface Client {
  readonly socket: Socket;
  heard: string;
  isClosed: boolean;
}

async function open(): Promise<Client> {
  const socket = connect(proxy.port, "127.0.0.1");
  clients.push(socket);
  const client = { socket, heard: "", isClosed: false };
  socket.on("data", (bytes: Buffer) => {
    client.heard += bytes.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    client.isClosed = true;
  });
  await once(socket, "connect");
  return client;
}

it("passes bytes on both ways where the weather is clear", async () => {
  const client = await open();
  client.socket.write("hello");
  await vi.waitFor(() => expect(client.heard).toBe("HELLO"));
  expect(proxy.accepted).toBe(1);
});

it("keeps the order of what it delays", async () => {
  proxy.set(delaying(seededRandom(1), 30));
  const client = await open();
  for (const letter of "abcdef") {
    client.socket.write(letter);
    await new Promise((done) => setImmediate(done));
  }
  await vi.waitFor(() => expect(client.heard).toBe("ABCDEF"));
});

it("swallows everything, also in connections that stand, and tells nobody", async () => {
  const before = await open();
  before.socket.write("a");
  await vi.waitFor(() => expect(before.heard).toBe("A"));
  proxy.halfOpen();
  before.socket.write("b");
  const after = await open();
  after.socket.write("c");
  await vi.waitFor(() => expect(after.heard).toBe("C"));
  let swallowed = "";
  const noting: Weather = {
    name: "noting",
    fate: (bytes, at) => {
      swallowed += bytes.toString();
      return SWALLOWING.fate(bytes, at);
    },
  };
  proxy.set(noting, { isBothWays: true });
  after.socket.write("d");
  await vi.waitFor(() => expect(swallowed).toBe("d"));
  proxy.set(CLEAR);
  const last = await open();
  last.socket.write("e");
  await vi.waitFor(() => expect(last.heard).toBe("E"));
  expect([before.heard, after.heard, before.isClosed, after.isClosed]).toEqual(["A", "C", false, false]);
});

it("breaks off what is open and refuses what comes where nobody is there", async () => {
  const client = await open();
  proxy.set(GONE);
  await vi.waitFor(() => expect(client.isClosed).toBe(true));
  const later = await open().catch(() => undefined);
  await vi.waitFor(() => expect(later?.isClosed ?? true).toBe(true));
  expect(proxy.open).toBe(0);
});

it("ends a connection in the middle of an answer", async () => {
  proxy.set(truncating(seededRandom(2), 1));
  const client = await open();
  client.socket.write("a long enough answer");
  await vi.waitFor(() => expect(client.isClosed).toBe(true));
  expect("A LONG ENOUGH ANSWER".startsWith(client.heard) && client.heard.length < 20).toBe(true);
});

it.each<[string, (chance: number) => Weather]>([
  ["flips one bit", (chance) => flipping(seededRandom(3), chance)],
  ["swaps two parts", (chance) => reordering(seededRandom(3), chance)],
])("%s where chance has it, and else passes bytes as they are", (_, weather) => {
  const bytes = Buffer.from("0123456789abcdef");
  expect(weather(0).fate(bytes, 0).bytes).toEqual(bytes);
  const made = weather(1).fate(bytes, 0).bytes;
  expect(made).not.toEqual(bytes);
  expect(made).toHaveLength(bytes.length);
  expect(bytes.toString()).toBe("0123456789abcdef");
});

it("breaks off with a reset as often as chance has it", () => {
  const weather = dropping(seededRandom(4), 0.5);
  const fates = Array.from({ length: 200 }, () => weather.fate(Buffer.from("x"), 0).ending);
  const resets = fates.filter((ending) => ending === "reset").length;
  expect(resets).toBeGreaterThan(60);
  expect(resets).toBeLessThan(140);
});
