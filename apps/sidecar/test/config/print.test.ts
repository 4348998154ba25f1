import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { printConfig } from "../../src/config/print.ts";
import { readSidecarConfig } from "../../src/config/read.ts";

const TRUST = `SHA256:${"a".repeat(43)}`;

describe("printConfig", () => {
  const config = readSidecarConfig({
    flags: { feed: ["https://user:secret@feed.example.com/x"], trust: [TRUST], audience: "production" },
    env: { DIMMER_PASSPHRASE: "hunter2", DIMMER_PORT: "0" },
  });

  it("shows every option with where it was set", () => {
    expect(printConfig(config)).toContain("port: 0 # DIMMER_PORT\n");
    expect(printConfig(config)).toContain("tcp: check-only # default\n");
    expect(printConfig(config)).toContain("# socket: not set\n");
  });

  it("hides secrets and what stands before the @ of a URL", () => {
    expect(printConfig(config)).not.toMatch(/hunter2|secret/);
    expect(printConfig(config)).toContain("passphrase: (hidden) # DIMMER_PASSPHRASE\n");
    expect(printConfig(config)).toContain("https://…@feed.example.com/x");
  });

  it("is a file that gives the same configuration", () => {
    const {
      origins: _,
      ignoredVariables: __,
      ...settings
    } = readSidecarConfig({ flags: { feed: ["./a", "./b"], trust: [TRUST] } });
    const printed = printConfig(readSidecarConfig({ flags: { feed: ["./a", "./b"], trust: [TRUST] } }));
    expect(parse(printed)).toEqual(settings);
  });
});
