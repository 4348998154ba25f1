import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { endRestrictions, putLock, putPlan, putRestriction, removeLock } from "../../src/tenants/edits.ts";
import { openTenantsDocument, type TenantsDocument } from "../../src/tenants/tenants-document.ts";
import { EXAMPLES } from "../run-dimmer.ts";

const examples = readFileSync(EXAMPLES, "utf8");

/** The lines that an edit took away (-) and put in (+), the rest of the file being as it was. */
function changed(text: string, edit: (document: TenantsDocument) => void): string[] {
  const document = openTenantsDocument(text, "t.yaml");
  edit(document);
  const [before, after] = [text.trimEnd().split("\n"), document.text().trimEnd().split("\n")];
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  while (before.length > start && after.length > start && before.at(-1) === after.at(-1)) {
    before.pop();
    after.pop();
  }
  return [...before.slice(start).map((line) => `-${line}`), ...after.slice(start).map((line) => `+${line}`)];
}

describe("an edit of a tenants file", () => {
  it("takes a payment's restriction out and touches no other line", () => {
    const lines = changed(examples, (document) => {
      expect(endRestrictions(document, "acme", "nonpayment")).toEqual([{ cause: "nonpayment", case: "case_acme_42" }]);
    });
    expect(lines).toHaveLength(7);
    expect(lines[0]).toBe("-  restrictions:");
    expect(lines.every((line) => line.startsWith("-"))).toBe(true);
  });

  it("D4 · clears one cause and leaves the other", () => {
    const document = openTenantsDocument(examples, "t.yaml");
    endRestrictions(document, "twin-peaks", "nonpayment");
    const { restrictions } = document.tenant("twin-peaks").toJSON() as { restrictions: { cause: string }[] };
    expect(restrictions.map(({ cause }) => cause)).toEqual(["breach"]);
  });

  it("keeps every comment of the file, whoever pays", () => {
    const comments = (text: string): string[] => text.split("\n").filter((line) => line.trimStart().startsWith("#"));
    for (const id of examples.matchAll(/^- tenant: (.*)$/gm).map(([, name]) => name as string)) {
      const document = openTenantsDocument(examples, "t.yaml");
      for (const cause of ["nonpayment", "breach", "offboarding"]) endRestrictions(document, id, cause);
      removeLock(document, id);
      putPlan(document, id, "starter");
      expect(comments(document.text())).toEqual(comments(examples));
    }
  });

  it("puts a restriction in place of the one of its cause, on lines of its own", () => {
    const restriction = { cause: "nonpayment", case: "c1", at: "now", mode: "read_only", deny: ["job"] };
    expect(
      changed("- { tenant: a, plan: pro }\n- tenant: b # B\n  plan: pro\n", (d) => putRestriction(d, "b", restriction)),
    ).toEqual([
      "+  restrictions:",
      "+    - cause: nonpayment",
      "+      case: c1",
      "+      steps:",
      "+        - { at: now, mode: read_only, deny: [ job ] }",
    ]);
    const twice = openTenantsDocument(examples, "t.yaml");
    putRestriction(twice, "acme", restriction);
    putRestriction(twice, "acme", { ...restriction, case: "c2" });
    const { restrictions } = twice.tenant("acme").toJSON() as { restrictions: { case: string }[] };
    expect(restrictions.map((r) => r.case)).toEqual(["c2"]);
  });

  it("locks and unlocks on one line", () => {
    const lock = { cause: "security", case: "INC-1", since: "now", allow: ["export"] };
    expect(changed(examples, (document) => putLock(document, "sakura-soft", lock))).toEqual([
      "+  lock: { cause: security, case: INC-1, since: now, allow: [ export ] }",
    ]);
    expect(changed(examples, (document) => expect(removeLock(document, "tanuki-trading")).toBe(true))).toHaveLength(1);
    expect(changed(examples, (document) => expect(removeLock(document, "acme")).toBe(false))).toEqual([]);
  });

  it("adds a tenant at the end, also under tenants:", () => {
    const add = (document: TenantsDocument): void => document.add({ tenant: "x", plan: "pro" });
    expect(changed("- tenant: a\n  plan: pro\n", add)).toEqual(["+", "+- tenant: x", "+  plan: pro"]);
    expect(changed("tenants:\n  - tenant: a\n    plan: pro\n", add)).toEqual(["+", "+  - tenant: x", "+    plan: pro"]);
    expect(changed("[]\n", add)).toEqual(["-[]", "+- tenant: x", "+  plan: pro"]);
  });

  it("keeps a layout that is not its own outside of what it changes", () => {
    const text = '- {tenant: "a",   plan: pro}   # left alone\n- tenant:   b\n  plan:     starter\n';
    expect(changed(text, (document) => putPlan(document, "b", "pro"))).toEqual([
      "-  plan:     starter",
      "+  plan: pro",
    ]);
  });

  it("refuses a tenant that is not there", () => {
    expect(() => openTenantsDocument(examples, "t.yaml").tenant("nobody")).toThrow('no tenant "nobody" in t.yaml');
  });

  it("refuses a file with aliases: an edit in one place would change another", () => {
    const text = "- tenant: a\n  plan: &p pro\n- tenant: b\n  plan: *p\n";
    expect(() => openTenantsDocument(text, "t.yaml")).toThrow("t.yaml: has an alias (*p)");
  });
});
