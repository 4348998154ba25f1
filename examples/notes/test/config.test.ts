import { describe, expect, it } from "vitest";
import { readConfig } from "../src/config.ts";

const needed = ["--feed", "unix:/run/dimmer/sidecar.sock", "--trust", "SHA256:x"];

describe("readConfig", () => {
  it("fills in what is not said", () => {
    expect(readConfig(needed, {})).toEqual({
      feed: ["unix:/run/dimmer/sidecar.sock"],
      trust: "SHA256:x",
      audience: "development",
      data: undefined,
      pollMs: 500,
      host: "127.0.0.1",
      port: 7302,
      payUrl: undefined,
      webhooks: undefined,
      stopsWithStdin: false,
    });
  });

  it("prefers a flag to the environment", () => {
    const env = {
      DIMMER_FEED: "/srv/feed",
      DIMMER_TRUST: "SHA256:y",
      PORT: "1",
      DIMMER_DEV_PAY_URL: "http://127.0.0.1/pay",
    };
    expect(readConfig(["--port", "0", "--feed", "/a", "--feed", "/b"], env)).toMatchObject({
      feed: ["/a", "/b"],
      trust: "SHA256:y",
      port: 0,
      payUrl: "http://127.0.0.1/pay",
    });
    expect(readConfig([], env)).toMatchObject({ feed: ["/srv/feed"], port: 1 });
  });

  it.each([
    [[], "--feed is missing"],
    [["--feed", "/a"], "--trust is missing"],
    [[...needed, "--port", "x"], '--port is "x": give a whole number from 0 to 65535'],
    [[...needed, "--port", "65536"], "--port"],
    [[...needed, "--poll-ms", "0"], "--poll-ms"],
    [[...needed, "--prot", "1"], "'--prot'"],
    [[...needed, "stray"], "'stray'"],
  ])("refuses %j", (args, message) => {
    expect(() => readConfig(args, {})).toThrow(TypeError);
    expect(() => readConfig(args, {})).toThrow(message);
  });

  it("knows when it is asked for help", () => {
    expect(readConfig(["-h"], {})).toBe("help");
  });
});
