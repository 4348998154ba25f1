import { standardPolicy } from "@dimmer/core";
import { lintRoutes } from "@dimmer/sdk/routes";
import { expect, it } from "vitest";
import { protectedRoutes, routes } from "../src/routes.ts";

it("The product's table knows its policy, hides no rule and closes no way back", () => {
  expect(lintRoutes(routes, standardPolicy, protectedRoutes)).toEqual([]);
  expect(lintRoutes(routes, standardPolicy)).toEqual([]);
});
