import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { isThere } from "../deploy/programs.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../examples/notes-python");
const here = isThere("python3", ["--version"], "the client of examples/notes-python: there is no python3");

/** An interpreter begins slowly where others work as well. */
const PATIENT = { timeout: 60_000 };
const ASK = `
import sys
import sidecar
sidecar.TIMEOUT_S = 20
try:
    print(sidecar.Sidecar(sys.argv[1]).denial("acme", "owner", "create"))
except sidecar.Refused:
    print("refused")
`;

/** What the example makes of a sidecar that gives one answer to everything. */
async function toldOf(status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => void response.writeHead(status).end(body)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { stdout } = await promisify(execFile)("python3", ["-B", "-c", ASK, address], { cwd: EXAMPLE });
  return stdout.trim();
}

describe.runIf(here)("the client of examples/notes-python", PATIENT, () => {
  const faulty = JSON.stringify({ decisions: [{ allowed: true }, { error: { detail: "principal is none" } }] });
  it.each([
    [400, '{"title":"The question is malformed"}', "refused"],
    [431, "", "refused"],
    [200, faulty, "refused"],
    [503, "", "None"],
    [200, '{"decisions":', "None"],
    [200, '{"decisions":[{"allowed":true}]}', "None"],
  ])("takes %i %s for %s: only an outage lets everybody in, no mistake of the product's does", async (...row) => {
    const [status, body, told] = row;
    expect(await toldOf(status, body)).toBe(told);
  });
});
