import { join } from "node:path";
import { type Authority, type AuthorityPorts, readAuthorityConfig, startAuthority } from "@dimmer/authority";
import { createKeyDirectory } from "@dimmer/feed/node";
import { afterAll } from "vitest";
import { type AuthorityClient, createAuthorityClient } from "../../src/authority/authority-client.ts";
import { sharedScratch } from "../run-dimmer.ts";

/** An authority in this process, with a key for everything that the commands do. */
export interface TestAuthority extends Authority {
  readonly client: AuthorityClient;
  readonly key: string;
  /** Makes an API key with some roles. */
  keyWith(name: string, ...roles: string[]): Promise<string>;
}

/** Starts an authority on a store of its own, until the tests of a `describe` have run. */
export async function runAuthority(
  flags: Readonly<Record<string, unknown>> = {},
  ports: AuthorityPorts = {},
): Promise<TestAuthority> {
  const dir = sharedScratch();
  await createKeyDirectory(join(dir, "keys"));
  const config = readAuthorityConfig({
    flags: {
      store: `sqlite:${join(dir, "authority.db")}`,
      keys: join(dir, "keys"),
      port: 0,
      drainMs: 200,
      logLevel: "silent",
      ratePerSecond: 100_000,
      ...flags,
    },
  });
  const authority = await startAuthority(config, ports);
  afterAll(async () => await authority.close());
  const { url } = authority;
  const first = createAuthorityClient({ url, apiKey: authority.firstSecret ?? "" });
  const keyWith = async (name: string, ...roles: string[]): Promise<string> => {
    const { body } = await first.write("POST", "/v1/api-keys", { reason: "a test", body: { name, roles } });
    return String(body["secret"]);
  };
  const key = await keyWith("tester", "admin", "collections", "legal", "security", "finance", "cs");
  return { ...authority, key, keyWith, client: createAuthorityClient({ url, apiKey: key }) };
}
