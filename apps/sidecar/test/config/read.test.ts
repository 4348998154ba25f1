import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DimmerError } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { type ConfigSources, readSidecarConfig } from "../../src/config/read.ts";

const TRUST = `SHA256:${"a".repeat(43)}`;
const least = { feed: ["./feed"], trust: [TRUST] };

function file(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "dimmer-config-")), "sidecar.yaml");
  writeFileSync(path, text);
  return path;
}

function faultOf(sources: ConfigSources): string {
  try {
    readSidecarConfig(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(DimmerError);
    expect((error as DimmerError).code).toBe("options_invalid");
    return (error as DimmerError).message;
  }
  throw new Error("is valid");
}

describe("readSidecarConfig", () => {
  it("needs a feed and whom to trust, and has a default for the rest", () => {
    const { origins, ignoredVariables, ...settings } = readSidecarConfig({ flags: least });
    expect(settings).toEqual({
      ...least,
      webhooksAllowLoopback: false,
      audience: "development",
      tcp: "check-only",
      host: "127.0.0.1",
      port: 7301,
      pollMs: 5_000,
      maxStreams: 1_000,
      hooksWithoutTenant: "refuse",
      drainMs: 5_000,
      logLevel: "info",
    });
    expect(origins.get("port")).toBe("default");
    expect(ignoredVariables).toEqual([]);
  });

  it("lets flags outrank the environment, and the environment the file, option by option", () => {
    const config = readSidecarConfig({
      flags: { port: "1", socket: undefined },
      env: { DIMMER_PORT: "2", DIMMER_POLL_MS: "200", DIMMER_TCP: "" },
      file: file(`feed: ./feed\ntrust: [${TRUST}]\nport: 3\npollMs: 300\ntcp: full\n`),
    });
    expect([config.port, config.pollMs, config.tcp]).toEqual([1, 200, "full"]);
    expect(["port", "pollMs"].map((name) => config.origins.get(name as "port"))).toEqual(["--port", "DIMMER_POLL_MS"]);
    expect(config.origins.get("tcp")).toMatch(/sidecar\.yaml$/);
  });

  it("takes lists from repeated flags, commas in the environment and lists in the file", () => {
    const feed = ["./a", "unix:/run/b.sock"];
    expect(readSidecarConfig({ flags: { ...least, feed } }).feed).toEqual(feed);
    expect(readSidecarConfig({ flags: { trust: TRUST }, env: { DIMMER_FEED: "./a, unix:/run/b.sock" } }).feed).toEqual(
      feed,
    );
    expect(readSidecarConfig({ file: file(`feed: [./a, "unix:/run/b.sock"]\ntrust: ${TRUST}\n`) }).feed).toEqual(feed);
  });

  it("finds the file by DIMMER_CONFIG", () => {
    expect(readSidecarConfig({ flags: least, env: { DIMMER_CONFIG: file("port: 9\n") } }).port).toBe(9);
  });

  it("ignores other DIMMER_ variables and tells which", () => {
    const env = { DIMMER_SERVICE_HOST: "10.0.0.1", HOME: "/root" };
    expect(readSidecarConfig({ flags: least, env }).ignoredVariables).toEqual(["DIMMER_SERVICE_HOST"]);
  });

  it("tells option, value, origin and fix of every fault at once", () => {
    const message = faultOf({ flags: { ...least, tcp: "some" }, env: { DIMMER_PORT: "tcp://10.0.0.1:7301" } });
    expect(message.split("\n")).toEqual([
      '--tcp "some": must be check-only, full or off. Write check-only, full or off.',
      '--port "tcp://10.0.0.1:7301" (from DIMMER_PORT): must be a whole number from 0 to 65535. ' +
        "Write a port such as 7301, or 0 for a free one.",
    ]);
  });

  it.each([
    [{}, "--feed: is missing"],
    [{ feed: [], trust: [TRUST] }, "--feed []: is missing"],
    [{ feed: ["./feed"] }, "--trust: is missing"],
    [{ ...least, trust: ["SHA256:abc"] }, '--trust "SHA256:abc": must be SHA256: and 43'],
    [{ ...least, trust: [TRUST, 7] }, "--trust 7: "],
    [{ ...least, port: 70_000 }, "--port 70000: must be a whole number from 0 to 65535"],
    [{ ...least, port: "7301x" }, '--port "7301x": must be a whole number'],
    [{ ...least, port: 1.5 }, "--port 1.5: must be a whole number"],
    [{ ...least, pollMs: 0 }, "--poll-ms 0: must be a whole number from 50"],
    [{ ...least, host: "localhost" }, '--host "localhost": must be an IP address'],
    [{ ...least, audience: "two words" }, '--audience "two words": must be a name'],
    [{ ...least, logLevel: "verbose" }, '--log-level "verbose": must be fatal'],
    [{ ...least, socket: "" }, '--socket "": must be a path'],
    [{ ...least, soket: "/run/x" }, "soket (from a flag): is not an option. Known: feed, trust"],
    [{ ...least, __proto__x: 1 }, "__proto__x (from a flag): is not an option"],
    [{ ...least, host: "0.0.0.0" }, '--host "0.0.0.0": is not loopback and needs --token-file'],
    [{ ...least, host: "::" }, '--host "::": is not loopback and needs --token-file'],
    [{ ...least, tcp: "off" }, '--tcp "off": without --socket leaves no way to ask'],
    [{ ...least, audience: "production", keys: "./keys" }, '--keys "./keys": signs for development only'],
    [{ ...least, passphrase: "hunter2" }, "--passphrase: a secret is not taken from a flag"],
  ])("refuses flags %j", (flags, message) => {
    expect(faultOf({ flags })).toContain(message);
  });

  it("refuses the passphrase under its old name, naming the new one and not the passphrase", () => {
    const fault = faultOf({ flags: least, env: { DIMMER_KEYS_PASSPHRASE: "hunter2-long" } });
    expect(fault).toMatch(/^DIMMER_KEYS_PASSPHRASE: is called DIMMER_PASSPHRASE now/);
    expect(fault).not.toContain("hunter2");
  });

  it.each([
    ["port: [1", "sidecar.yaml: "],
    ["- feed", "must hold a map of options"],
    ["port: 1\nport: 2", "sidecar.yaml: "],
    ["prot: 7301", "prot (from"],
    ["port: 70000", "--port 70000 (from"],
    ["socket: &a [*a]", "holds an alias"],
    ["a: &a [x]\nb: &b [*a,*a]\nfeed: *b", "holds an alias"],
  ])("refuses a file with %j", (text, message) => {
    expect(faultOf({ flags: least, file: file(text) })).toContain(message);
  });

  it("refuses a file that is not there or is no text file of options", () => {
    expect(faultOf({ file: "/nowhere/sidecar.yaml" })).toBe(
      "--config /nowhere/sidecar.yaml: cannot be read (ENOENT). Name a readable YAML file.",
    );
    expect(faultOf({ flags: least, file: file("#".repeat(1_100_000)) })).toContain("Is it the right file?");
  });

  it("never shows a secret in a fault", () => {
    const message = faultOf({ flags: least, file: file("passphrase: [hunter2]\n") });
    expect(message).toContain("--passphrase (from");
    expect(message).not.toContain("hunter2");
  });

  it.each([
    ["http://feed.example.com"],
    ["https://feed.example.com:8443/x"],
    ["http://localhost.example.com"],
    ["http://127.0.0.1.example.com"],
    ["http://127.0.0.1@feed.example.com"],
    ["HTTPS://feed.example.com"],
    ["http://10.0.0.1:7301"],
    ["http://"],
  ])("takes the audience development from no host but its own: %s", (feed) => {
    expect(faultOf({ flags: { ...least, feed: ["./feed", feed] } })).toContain(
      '--audience "development" (from default): is not taken from',
    );
    expect(readSidecarConfig({ flags: { ...least, feed: [feed], audience: "production" } }).feed).toEqual([feed]);
  });

  it.each([
    ["./feed"],
    ["/srv/feed"],
    ["file:///srv/feed"],
    ["unix:/run/dimmer.sock"],
    ["http://127.0.0.1:7301"],
    ["http://[::1]:7301"],
    ["http://localhost"],
  ])("takes the audience development from %s", (feed) => {
    expect(readSidecarConfig({ flags: { ...least, feed: [feed] } }).audience).toBe("development");
  });
});
