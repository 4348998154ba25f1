import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** One product that answers the same question in the caller's process. */
export interface Peer {
  /** Its module in `bench/peers`, without `.mjs`. */
  readonly name: string;
  readonly title: string;
  /** Its package in `bench/peers/node_modules`. */
  readonly library: string;
  /** What its makers publish about how fast it is, with where they do. */
  readonly published?: string;
  /** What `install.sh` builds for it beside that package, in `bench/peers`. */
  readonly built?: string;
}

/** Every peer in process, in the order shown. */
export const PEERS: readonly Peer[] = [
  { name: "casl", title: "CASL, one ability per mode, kept", library: "@casl/ability" },
  { name: "casl-per-request", title: "CASL, one ability per request", library: "@casl/ability" },
  { name: "flagd-core", title: "flagd-core, told the mode", library: "@openfeature/flagd-core" },
  {
    name: "unleash",
    title: "Unleash, told the mode",
    library: "unleash-client",
    published: '"nanoseconds" ([docs](https://docs.getunleash.io/get-started/unleash-overview))',
  },
  { name: "launchdarkly", title: "LaunchDarkly (test data), told the mode", library: "@launchdarkly/node-server-sdk" },
  { name: "growthbook", title: "GrowthBook, told the mode", library: "@growthbook/growthbook" },
  {
    name: "casbin",
    title: "Casbin, a role per tenant",
    library: "casbin",
    published: "2.3 ms in Go with 10,000 users in roles ([docs](https://casbin.org/docs/benchmark/))",
  },
  {
    name: "schematic",
    title: "Schematic's rules engine (WASM), told the mode",
    library: "@schematichq/schematic-typescript-node",
  },
  {
    name: "opa-wasm",
    title: "OPA-wasm, tenants as data",
    library: "@open-policy-agent/opa-wasm",
    built: "bin/policy.wasm",
  },
  { name: "cedar-wasm", title: "Cedar-wasm, policies parsed once", library: "@cedar-policy/cedar-wasm" },
  { name: "openfeature", title: "OpenFeature in-memory provider, told the mode", library: "@openfeature/server-sdk" },
];

/** What a comparison says that had nobody to compare with. */
export const NONE_WAS_RUN = "No other product was run: `bench/peers/install.sh` puts them there.";

const FOLDER = new URL("../../peers/", import.meta.url);

/** The version that is installed, or why the peer cannot run. Never throws. */
export function installedVersion(peer: Peer): { readonly version: string } | { readonly notRun: string } {
  try {
    const path = new URL(`node_modules/${peer.library}/package.json`, FOLDER);
    const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
    if (peer.built !== undefined && !existsSync(new URL(peer.built, FOLDER)))
      return { notRun: `${peer.built} is missing: bench/peers/install.sh builds it, with Go` };
    return { version };
  } catch {
    return { notRun: "not installed: bench/peers/install.sh" };
  }
}

/** Where the module of a peer lies. */
export function modulePath(name: string): string {
  return fileURLToPath(new URL(`${name}.mjs`, FOLDER));
}
