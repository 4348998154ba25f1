import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePorts } from "../../src/dev/ports.ts";

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe("ports", () => {
  it("are all different where any will do", async () => {
    const any = { port: 0, by: "something", flag: "--port" };
    const ports = await freePorts([any, any, any]);
    expect(new Set(ports).size).toBe(3);
    expect(ports.every((port) => port > 0)).toBe(true);
  });

  it("are refused with who wants them and the flag to change where one is taken", async () => {
    const port = await takenPort();
    const wanted = { port, by: "the notes product", flag: "--notes-port" };
    await expect(freePorts([wanted])).rejects.toThrow(
      `port ${port} on 127.0.0.1 is taken: the notes product wants it; stop what listens there, or choose another port with --notes-port N (0 = any free one)`,
    );
  });
});
