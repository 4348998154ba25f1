import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { admitToSocket, type TcpAdmissionOptions, tcpAdmission } from "../../src/listen/admission.ts";
import { bearerCheck } from "../../src/listen/token.ts";

const TOKEN = "0123456789abcdef";
const bearer = bearerCheck(TOKEN);

/** The reach of a request, or the status with which it is turned away. */
function admitted(options: Partial<TcpAdmissionOptions>, ...rawHeaders: string[]): string | number {
  const admission = tcpAdmission({ host: "127.0.0.1", doors: "check-only", bearer: undefined, ...options });
  const outcome = admission({ rawHeaders } as IncomingMessage);
  return typeof outcome === "string" ? outcome : outcome.status;
}

describe("admitToSocket", () => {
  it("lets everyone whom the file lets through every door, whatever the Host", () => {
    expect(admitToSocket({ rawHeaders: ["Host", "evil.example"] } as IncomingMessage)).toBe("feed");
  });
});

describe("tcpAdmission", () => {
  it.each([
    ["check-only", false, "none", "checks"],
    ["check-only", true, "none", "checks"],
    ["check-only", true, "right", "checks"],
    ["check-only", true, "wrong", 401],
    ["full", false, "none", "tenants"],
    ["full", false, "wrong", "tenants"],
    ["full", true, "none", "tenants"],
    ["full", true, "right", "feed"],
    ["full", true, "wrong", 401],
  ] as const)(
    "on loopback with %s doors, a token known: %s, a token sent: %s, reaches %s",
    (doors, isKnown, sent, reach) => {
      const header = {
        none: [],
        right: ["Authorization", `Bearer ${TOKEN}`],
        wrong: ["authorization", "Bearer nonsense"],
      };
      expect(admitted({ doors, bearer: isKnown ? bearer : undefined }, "Host", "127.0.0.1:7301", ...header[sent])).toBe(
        reach,
      );
    },
  );

  it.each([
    ["check-only", "none", "health"],
    ["check-only", "right", "checks"],
    ["full", "none", "health"],
    ["full", "right", "feed"],
    ["full", "wrong", 401],
  ] as const)(
    "beyond loopback with %s doors, a token sent: %s, reaches %s, whatever the Host",
    (doors, sent, reach) => {
      const header = {
        none: [],
        right: ["Authorization", `Bearer ${TOKEN}`],
        wrong: ["authorization", "Bearer nonsense"],
      };
      expect(admitted({ host: "0.0.0.0", doors, bearer }, "Host", "sidecar.internal", ...header[sent])).toBe(reach);
    },
  );

  it.each(["127.0.0.1", "127.0.0.1:7301", "localhost", "LOCALHOST:80", "[::1]:7301", "127.1.2.3"])(
    "answers on loopback to Host %s",
    (host) => {
      expect(admitted({}, "host", host)).toBe("checks");
    },
  );

  it.each([
    "evil.example",
    "evil.example:7301",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "localhost@evil.example",
    "127.0.0.1:7301.evil.example",
    "0.0.0.0",
    "",
    "::1",
    "10.0.0.1",
    "localhost:7301:7301",
    "localhost.",
  ])("turns Host %j away on loopback", (host) => {
    expect(admitted({}, "Host", host)).toBe(421);
    expect(admitted({ doors: "full", bearer }, "Authorization", `Bearer ${TOKEN}`, "HOST", host)).toBe(421);
  });

  it("remembers only a Host that was let in", () => {
    const admission = tcpAdmission({ host: "::1", doors: "check-only", bearer: undefined });
    const of = (host: string): unknown => admission({ rawHeaders: ["Host", host] } as IncomingMessage);
    expect([of("localhost"), of("evil.example"), of("evil.example"), of("localhost")]).toEqual([
      "checks",
      expect.objectContaining({ status: 421 }),
      expect.objectContaining({ status: 421 }),
      "checks",
    ]);
  });
});
