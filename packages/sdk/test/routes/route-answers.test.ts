import { PRINCIPALS, standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { type RouteAnswer, routeAnswers } from "../../src/routes/route-answers.ts";
import { compileRoutes } from "../../src/routes/route-table.ts";

const table = compileRoutes([
  { path: "/health", capability: "open" },
  { method: "POST", path: "/pay", capability: "pay" },
  { path: "/exports/**", capability: "export" },
  { path: "/contact", capability: "contact" },
  { path: "/cancel", capability: "leave" },
  { method: "POST", path: "/sso", capability: "update", feature: "sso" },
]);
const answers = routeAnswers(table, standardPolicy);

/** Who gets through, by first letters in the order admin, billing, member, service, unstated. */
function letters({ answers: given }: RouteAnswer): string {
  return Object.entries(given)
    .map(([asker, answer]) => (answer === "open" || answer.allowed ? asker.charAt(0) : "-"))
    .join("");
}

describe("routeAnswers", () => {
  it("has one row for every route, default and mode, mildest first", () => {
    expect(answers).toHaveLength((table.rules.length + 6) * standardPolicy.modes.length);
    expect(answers.slice(0, 7).map(({ mode }) => mode)).toEqual(standardPolicy.modes.map(({ name }) => name));
    expect(new Set(answers.map(({ route }) => route))).toEqual(
      new Set([
        "/health",
        "POST /pay",
        "/exports/**",
        "/contact",
        "/cancel",
        "POST /sso",
        ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map((method) => `unmatched ${method}`),
      ]),
    );
  });

  it.each([
    ["/health", ["abmsu", "abmsu", "abmsu", "abmsu", "abmsu", "abmsu", "abmsu"]],
    ["POST /pay", ["abmsu", "abmsu", "abmsu", "abmsu", "ab-su", "ab-su", "-----"]],
    ["/exports/**", ["abmsu", "abmsu", "abmsu", "abmsu", "ab-su", "ab-su", "-----"]],
    ["POST /sso", ["abmsu", "abmsu", "abmsu", "-----", "-----", "-----", "-----"]],
    ["unmatched GET", ["abmsu", "abmsu", "abmsu", "abmsu", "ab--u", "-----", "-----"]],
    ["unmatched POST", ["abmsu", "abmsu", "-----", "-----", "-----", "-----", "-----"]],
    ["unmatched DELETE", ["abmsu", "abmsu", "abmsu", "-----", "-----", "-----", "-----"]],
  ])("tells who gets through %s in every mode", (route, expected) => {
    expect(answers.filter((answer) => answer.route === route).map(letters)).toEqual(expected);
  });

  it("D5 · shows export, pay, contact and leave open to admins in every mode but closed", () => {
    for (const { capability, mode, answers: given } of answers) {
      if (!["export", "pay", "contact", "leave"].includes(capability)) continue;
      expect([capability, mode, given.admin]).toMatchObject([capability, mode, { allowed: mode !== "closed" }]);
    }
  });

  it("says why, and names the feature of a route", () => {
    const row = answers.find(({ route, mode }) => route === "POST /sso" && mode === "read_only");
    expect(row).toMatchObject({ feature: "sso", answers: { member: { reason: "restricted", cause: "nonpayment" } } });
    expect(Object.keys(row?.answers ?? {})).toEqual([...PRINCIPALS, "unstated"]);
  });
});
