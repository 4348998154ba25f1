// A product that knows its policy. Every line marked `error` must not compile; every other line must.
import { connect, type Dimmer } from "@dimmer/sdk";
import { guardJob } from "@dimmer/sdk/jobs";
import { connectRemote, type RemoteDimmer } from "@dimmer/sdk/remote";

const policy = {
  name: "notes",
  version: "1",
  zone: "Asia/Tokyo",
  capabilities: ["view", "create", "login"],
  principals: { unstated: { "*": "any" } },
  modes: [{ name: "full", admits: { view: "all", create: "all", login: "all" } }],
  features: {
    seats: { type: "limit", needs: ["create"] },
    sso: { type: "boolean" },
    theme: { type: "string" },
    layout: { type: "json" },
  },
  plans: { pro: { features: { seats: 25 } } },
  fallback: { no_data: { "*": "allow" }, unknown_tenant: { "*": "allow" } },
  offline: { step_down_for: "24h" },
  links: {},
  texts: {},
} as const;

const dimmer = await connect<typeof policy>({ feed: "/srv/feed", trust: "SHA256:…" });
const remote = await connectRemote<typeof policy>({ sidecar: "unix:/s", trust: "SHA256:…" });
const inferred = await connect({ feed: "/srv/feed", trust: "SHA256:…", fallbackPolicy: policy });
const untyped: Dimmer = dimmer;

dimmer.check("acme", "create", "member");
dimmer.check("acme", "craete"); // error
dimmer.check("acme", "create", "owner"); // error
dimmer.ask("acme", { capability: "view", feature: "seats" });
dimmer.ask("acme", { capability: "veiw" }); // error
dimmer.ask("acme", { feature: "saets" }); // error
dimmer.signal("acme", "create");
dimmer.signal("acme", "job"); // error
dimmer.signal("acme", { capability: "create", feature: "seats" });
dimmer.signal("acme", { capability: "create", feature: "saets" }); // error
void guardJob(dimmer, { tenant: "acme", capability: "create", feature: "sso" }, () => 1);
void guardJob(dimmer, { tenant: "acme", capability: "job" }, () => 1); // error
void guardJob(dimmer, { tenant: "acme", feature: "ssso" }, () => 1); // error
dimmer.limit("acme", "seats", { current: 24, adding: 1 });
dimmer.limit("acme", "seat", { current: 24 }); // error
dimmer.limit("acme", "seats", { used: 24 }); // error
inferred.check("acme", "view");
inferred.check("acme", "vew"); // error
untyped.check("acme", "anything");
void remote.check("acme", "login");
void remote.check("acme", "logni"); // error
void remote.value("acme", "themes", "plain"); // error
const untypedRemote: RemoteDimmer = remote;
void untypedRemote.check("acme", "anything");

export const seats: number = dimmer.value("acme", "seats", 5);
export const sso: boolean = dimmer.value("acme", "sso", false);
export const theme: string = dimmer.value("acme", "theme", "plain");
export const layout: { readonly [key: string]: unknown } = dimmer.value("acme", "layout", { rows: 3 });
export const any: string = untyped.value("acme", "whatever", "plain");
dimmer.value("acme", "theme", 5); // error
dimmer.value("acme", "sso", "yes"); // error
export const wrong: string = dimmer.value("acme", "seats", 5); // error
dimmer.on("change", ({ tenant, from, to }) => `${tenant} ${from} ${to}`);
dimmer.on("chang", () => {}); // error
remote.on("change", () => {}); // error
await connect({ feed: "/srv/feed", trust: "SHA256:…", audiance: "production" }); // error
