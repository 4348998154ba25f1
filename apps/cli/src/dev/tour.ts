import { denialOf, INTERACTIVE_PRINCIPALS, type Principal } from "@dimmer/core";
import type { Replica } from "@dimmer/feed/follow";

/** Where the products answer. Without the second one, the first takes its lines. */
export interface TourProducts {
  readonly notes: string;
  readonly python: string | undefined;
}

/** One line to try: what it shows, the command, and what it prints. */
export interface TourLine {
  readonly shows: string;
  readonly command: string;
  /** The status codes that it prints, in their order. */
  readonly statuses: readonly number[];
  /** What stands in the body besides, where it is shown. */
  readonly says?: string;
}

/** One request of a line. */
interface Request {
  readonly method?: "POST";
  /** One path, or several that curl asks in a row. */
  readonly paths: readonly string[];
  readonly capabilities: readonly string[];
  /** The status of each where it is allowed. */
  readonly ok: readonly number[];
  readonly body?: string;
}

interface Stop {
  readonly tenant: string;
  readonly as: Principal;
  readonly tries: string;
  readonly product: "notes" | "python";
  readonly requests: readonly Request[];
  readonly showsBody?: boolean;
}

const create: Request = {
  method: "POST",
  paths: ["/notes"],
  capabilities: ["create"],
  ok: [201],
  body: '{"text":"hello"}',
};
const viewAndExport: Request = { paths: ["/notes", "/export.csv"], capabilities: ["view", "export"], ok: [200, 200] };
const pay: Request = { method: "POST", paths: ["/pay"], capabilities: ["pay"], ok: [202] };
const session: Request = { paths: ["/session"], capabilities: ["login"], ok: [200] };

const login = (tenant: string, as: Principal): Request => ({
  method: "POST",
  paths: ["/login"],
  capabilities: ["login"],
  ok: [200],
  body: JSON.stringify({ tenant, as }),
});

const STOPS: readonly Stop[] = [
  { tenant: "sakura-soft", as: "member", tries: "create a note", product: "notes", requests: [create] },
  {
    tenant: "acme",
    as: "member",
    tries: "create a note, and be told why not",
    product: "notes",
    requests: [create],
    showsBody: true,
  },
  { tenant: "acme", as: "admin", tries: "view, export, pay", product: "notes", requests: [viewAndExport, pay] },
  {
    tenant: "blue-harbor",
    as: "member",
    tries: "log in, and use a session",
    product: "notes",
    requests: [login("blue-harbor", "member"), session],
  },
  {
    tenant: "blue-harbor",
    as: "admin",
    tries: "log in, and use a session",
    product: "notes",
    requests: [login("blue-harbor", "admin"), session],
  },
  {
    tenant: "tanuki-trading",
    as: "admin",
    tries: "view, export, pay",
    product: "python",
    requests: [viewAndExport, pay],
  },
  {
    tenant: "midori-hospital",
    as: "member",
    tries: "view, export, create",
    product: "python",
    requests: [viewAndExport, create],
  },
];

/**
 * Writes the lines to try. What each is to print is asked of the replica: who has changed the example tenants is told
 * what holds now. Tenants that the feed does not have are left out.
 */
export function writeTour(replica: Replica, products: TourProducts): TourLine[] {
  return STOPS.filter(({ tenant }) => replica.about(tenant).entitlement !== undefined).map((stop) => {
    const { tenant, as, tries, product, requests, showsBody } = stop;
    const { standing, lock, entitlement } = replica.about(tenant);
    const base = (product === "python" ? products.python : undefined) ?? products.notes;
    const expected = requests.flatMap(({ capabilities, ok }) =>
      capabilities.map((capability, i) => expectation(replica, stop, capability, ok[i] ?? 200)),
    );
    const because = lock === undefined ? standing.restrictions.map(({ cause }) => cause) : [lock.cause];
    const onFloor = entitlement?.restrictions?.some(({ exception }) => exception?.floor === standing.mode) === true;
    const why = [
      ...(because.length > 0 ? [`for ${because.join(" and ")}`] : []),
      ...(onFloor ? ["(kept on its floor)"] : []),
    ];
    const body = expected.find(({ title }) => title !== undefined)?.title;
    return {
      shows: `${tenant}, ${[standing.mode, ...why].join(" ")}; as ${as}: ${tries}`,
      command: commandOf(base, stop),
      statuses: expected.map(({ status }) => status),
      ...(showsBody === true && body !== undefined ? { says: body } : {}),
    };
  });
}

function expectation(
  replica: Replica,
  { tenant, as }: Stop,
  capability: string,
  ok: number,
): { readonly status: number; readonly title?: string } {
  const { standing, cases } = replica.about(tenant);
  const asked = [capability, ...((INTERACTIVE_PRINCIPALS as readonly string[]).includes(as) ? ["login"] : [])];
  const denied = asked.map((name) => replica.check(tenant, name, as)).find(({ allowed }) => !allowed);
  if (denied === undefined) return { status: ok };
  const { status, body } = denialOf(denied, standing, { tenant, cases, principal: as });
  return { status, title: body.title };
}

function commandOf(base: string, { tenant, as, requests, showsBody }: Stop): string {
  const parts = requests.map(({ method, paths, body }) => {
    const path = paths.length === 1 ? paths[0] : `/{${paths.map((p) => p.slice(1)).join(",")}}`;
    const isLogin = paths[0] === "/login";
    return [
      showsBody === true ? "-sS -w '\\n%{http_code}\\n'" : "-sS -o /dev/null -w '%{http_code}\\n'",
      ...(method === undefined ? [] : [`-X ${method}`]),
      paths.length === 1 ? `${base}${path}` : `'${base}${path}'`,
      ...(isLogin ? [] : [`-H 'Authorization: Bearer ${tenant}:${as}'`]),
      ...(body === undefined ? [] : [`-d '${body}'`]),
    ].join(" ");
  });
  return `curl ${parts.join(" --next ")}`;
}
