import type { HotDoor } from "./hot-door.ts";

/** Where a door of the hot path stands. All of them are within the reach `checks`. */
export interface HotRoute {
  /** `any` for what a proxy forwards with the method of the request that it asks about. */
  readonly method: "POST" | "any";
  /** An exact path; one that ends in `/` stands for everything below it. */
  readonly path: string;
  readonly door: HotDoor;
}

/** Finds the door of a request on the hot path by method and path: a look-up in a map and a few comparisons. */
export class HotRoutes {
  readonly routes: readonly HotRoute[];
  readonly #exact: ReadonlyMap<string, HotRoute>;
  readonly #below: readonly HotRoute[];

  constructor(routes: readonly HotRoute[]) {
    this.routes = routes;
    this.#below = routes.filter(({ path }) => path.endsWith("/"));
    this.#exact = new Map(routes.filter(({ path }) => !path.endsWith("/")).map((route) => [route.path, route]));
  }

  /** The door, or `undefined` where none stands there for this method. The query is not looked at. Never throws. */
  find(method: string | undefined, target: string): HotDoor | undefined {
    const query = target.indexOf("?");
    const path = query === -1 ? target : target.slice(0, query);
    const route = this.#exact.get(path) ?? this.#below.find((below) => path.startsWith(below.path));
    return route !== undefined && (route.method === "any" || method === "POST") ? route.door : undefined;
  }
}
