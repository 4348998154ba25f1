import { classify } from "@dimmer/sdk/routes";
import { describe, expect, it } from "vitest";
import { readRouteFile } from "../src/route-file.ts";
import { scratchFile } from "./scratch.ts";

const read = (text: string): ReturnType<typeof readRouteFile> => readRouteFile(scratchFile("routes.yaml", text));

describe("readRouteFile", () => {
  it("reads a list of rules, the first that matches wins", () => {
    const table = read(
      "- { method: POST, path: /pay, capability: pay }\n- { path: /files/**, capability: import, feature: storage_gb }\n",
    );
    expect(classify(table, "POST", "/pay")).toMatchObject({ capability: "pay" });
    expect(classify(table, "PUT", "/files/a/b")).toMatchObject({ capability: "import", feature: "storage_gb" });
    expect(classify(table, "GET", "/notes")).toMatchObject({ capability: "view" });
  });

  it.each([
    ["rules: []", "must hold a list of rules"],
    ["", "must hold a list of rules"],
    ["- &a { path: /a, capability: view }\n- *a\n", "holds an alias"],
    ["- { path: /a, path: /b, capability: view }\n", "Map keys must be unique"],
    ["- { path: /a, capability: view }\n\n- { path: /b, capabilty: view }\n", ", line 3: routes[1].capabilty is"],
    ["- { path: /a?x, capability: view }\n", ', line 1: routes[0].path is "/a?x"'],
    ["- /a\n", ", line 1: routes[0] is"],
  ])("refuses %j", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it("refuses a file that is not there, or over its bounds", () => {
    expect(() => readRouteFile("/nowhere/routes.yaml")).toThrow(
      "--routes /nowhere/routes.yaml: cannot be read (ENOENT)",
    );
    expect(() => read("#".repeat(2_000_000))).toThrow("Is it the right file?");
  });
});
