import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";

const FOLDER = resolve(import.meta.dirname, "../../examples/gateways/traefik");

interface Dynamic {
  readonly http: {
    readonly routers: Readonly<Record<string, { readonly service: string; readonly middlewares: readonly string[] }>>;
    readonly middlewares: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
    readonly services: Readonly<Record<string, unknown>>;
  };
}

const { http } = parse(readFileSync(join(FOLDER, "dynamic.yaml"), "utf8")) as Dynamic;
/** Fields of a middleware, as Traefik documents them; it starts with a misspelt one and does nothing of it. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  headers: ["customRequestHeaders"],
  forwardAuth: [
    "address",
    "trustForwardHeader",
    "authRequestHeaders",
    "authResponseHeaders",
    "authResponseHeadersRegex",
  ],
};

it("Traefik is given no field that it does not know, nor a name that stands for nothing", () => {
  for (const [name, middleware] of Object.entries(http.middlewares)) {
    for (const [kind, options] of Object.entries(middleware)) {
      expect(FIELDS[kind], name).toEqual(expect.arrayContaining(Object.keys(options)));
    }
  }
  for (const { service, middlewares } of Object.values(http.routers)) {
    expect(Object.keys(http.services)).toContain(service);
    expect(Object.keys(http.middlewares)).toEqual(expect.arrayContaining([...middlewares]));
  }
});

it("on every route of Traefik, what clients send is stripped before the session is read and the sidecar asked", () => {
  for (const { middlewares } of Object.values(http.routers)) {
    expect(middlewares.slice(-3)).toEqual(["strip", "session", "dimmer"]);
  }
  expect(http.middlewares["dimmer"]).toMatchObject({
    forwardAuth: { address: "http://127.0.0.1:7301/hook/forward", trustForwardHeader: false },
  });
});
