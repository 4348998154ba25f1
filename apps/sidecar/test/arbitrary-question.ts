import fc from "fast-check";

const anything = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom<unknown>(null, "", 0, -1, [], {}));
const mostly = (usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: anything });

/** JSON values that are questions or nearly so: each field is right, wrong or missing. */
export const arbitraryQuestion: fc.Arbitrary<unknown> = fc
  .record(
    {
      tenant: mostly(
        fc.oneof(fc.constantFrom("acme", "unpaid", "locked", "nobody"), fc.stringMatching(/^\w[\w.:-]{0,9}$/)),
      ),
      capability: mostly(fc.constantFrom("view", "create", "login", "fly", "__proto__", "open")),
      principal: mostly(fc.constantFrom("admin", "billing", "member", "service")),
      feature: mostly(fc.constantFrom("seats", "sso", "theme", "warp", "constructor")),
      usage: mostly(
        fc.record({ current: mostly(fc.nat()), adding: mostly(fc.double({ min: 0 })) }, { requiredKeys: ["current"] }),
      ),
      request: mostly(
        fc.record({
          method: mostly(fc.constantFrom("GET", "POST", "OPTIONS", "get", "PURGE")),
          path: mostly(fc.oneof(fc.webPath(), fc.constantFrom("/notes/%2f", "/a/../..", "notes", "/notes"))),
        }),
      ),
      atLeast: mostly(fc.constantFrom("0.0", "1.1", "9.9")),
      surplus: anything,
    },
    { requiredKeys: [] },
  )
  .chain((fields) =>
    fc.subarray(Object.keys(fields)).map((names) => {
      const kept = fields as Record<string, unknown>;
      const always = Object.hasOwn(kept, "tenant") ? ["tenant"] : [];
      return Object.fromEntries([...new Set([...always, ...names])].map((name) => [name, kept[name]]));
    }),
  );
