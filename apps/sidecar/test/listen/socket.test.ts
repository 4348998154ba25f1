import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { listenOnSocket } from "../../src/listen/socket.ts";
import { listenOnTcp } from "../../src/listen/tcp.ts";
import { scratchDirectory } from "../scratch.ts";

function server(): Server {
  const made = createServer();
  onTestFinished(() => void made.close());
  return made;
}

/** Leaves a socket file behind, as a process does that was killed. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", script]), "exit");
  expect(existsSync(path)).toBe(true);
}

describe("listenOnSocket", () => {
  it("makes a socket for its owner and group alone, whatever the mask of the process", async () => {
    const path = join(scratchDirectory(), "s");
    const mask = process.umask(0);
    onTestFinished(() => void process.umask(mask));
    await listenOnSocket(server(), path);
    expect((statSync(path).mode & 0o777).toString(8)).toBe("660");
    expect(process.umask()).toBe(0);
  });

  it("takes the place of a socket that a dead process left", async () => {
    const path = join(scratchDirectory(), "s");
    await leaveStaleSocket(path);
    await listenOnSocket(server(), path);
    expect(statSync(path).isSocket()).toBe(true);
  });

  it("leaves a socket alone that somebody listens on", async () => {
    const path = join(scratchDirectory(), "s");
    const first = server();
    await listenOnSocket(first, path);
    await expect(listenOnSocket(server(), path)).rejects.toMatchObject({
      code: "listen_failed",
      message: `--socket ${path}: has a process listening on it. Stop that one, or choose another --socket.`,
    });
    expect(first.listening && existsSync(path)).toBe(true);
  });

  it("leaves a file alone that is no socket", async () => {
    const path = join(scratchDirectory(), "s");
    writeFileSync(path, "precious");
    await expect(listenOnSocket(server(), path)).rejects.toThrow(`--socket ${path}: is there already and no socket.`);
    expect(readFileSync(path, "utf8")).toBe("precious");
  });

  it("says what is wrong with a directory that is not there or not to be written, and with a long path", async () => {
    const directory = scratchDirectory();
    await expect(listenOnSocket(server(), join(directory, "no", "s"))).rejects.toThrow(
      `${join(directory, "no")} does not exist`,
    );
    await expect(listenOnSocket(server(), join(directory, "s".repeat(120)))).rejects.toThrow(/has more than \d+ bytes/);
    const closed = join(directory, "closed");
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    // The superuser may write everywhere: then there is nothing to refuse.
    if (process.getuid?.() !== 0) {
      await expect(listenOnSocket(server(), join(closed, "s"))).rejects.toThrow(`no permission to write in ${closed}`);
    }
  });

  it("removes the socket when the server closes", async () => {
    const path = join(scratchDirectory(), "s");
    const made = server();
    await listenOnSocket(made, path);
    made.close();
    await once(made, "close");
    expect(existsSync(path)).toBe(false);
  });
});

describe("listenOnTcp", () => {
  it("tells the port that it took", async () => {
    const { host, port } = await listenOnTcp(server(), { host: "127.0.0.1", port: 0 });
    expect(host).toBe("127.0.0.1");
    expect(port).toBeGreaterThan(0);
  });

  it("says that a port is taken, and what to do", async () => {
    const { port } = await listenOnTcp(server(), { host: "127.0.0.1", port: 0 });
    await expect(listenOnTcp(server(), { host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "listen_failed",
      message: `--port ${port}: is taken on 127.0.0.1. Stop what listens there, or choose another --port.`,
    });
  });

  it("says that an address is none of this machine", async () => {
    await expect(listenOnTcp(server(), { host: "192.0.2.1", port: 0 })).rejects.toThrow(
      "192.0.2.1 is no address of this machine",
    );
  });
});
