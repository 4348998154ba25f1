import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { messageSigner } from "../../src/http/sign-message.ts";

describe("a signature", () => {
  it("is the one that the library of Standard Webhooks makes, for any secret and any body", () => {
    const signer = messageSigner();
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1 }),
        fc.string({ unit: "binary" }),
        fc.nat(),
        fc.boolean(),
        (key, body, second, isMarked) => {
          const secret = `${isMarked ? "whsec_" : ""}${Buffer.from(key).toString("base64")}`;
          const atMs = second * 1_000 + 999;
          expect(signer.sign([secret], { id: "msg_1", atMs, body })).toBe(
            new Webhook(secret).sign("msg_1", new Date(atMs), body),
          );
        },
      ),
    );
  });

  it("is made for every secret, and refused for what the library takes for none", () => {
    const signer = messageSigner();
    const message = { id: "msg_1", atMs: 0, body: "{}" };
    expect(signer.sign(["c2VjcmV0", "whsec_b3RoZXI="], message).split(" ")).toHaveLength(2);
    for (const secrets of [[], [""], ["§§"], ["c2VjcmV0", "no base64!"]]) {
      expect(() => signer.sign(secrets, message)).toThrow();
    }
  });
});
