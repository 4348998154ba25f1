import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { liveYears } from "./years.ts";

const main = fileURLToPath(new URL("./years-main.ts", import.meta.url));
const TENANTS = 200;
const ZONES = ["UTC", "Asia/Tokyo", "America/Los_Angeles"];

it("L4 · three years of tenants are the same in every zone of the host", { timeout: 60_000 }, async () => {
  const run = promisify(execFile);
  const lived = await Promise.all(
    ZONES.map(async (zone) => {
      const { stdout } = await run(process.execPath, ["--conditions=@dimmer/source", main, String(TENANTS)], {
        env: { ...process.env, TZ: zone },
      });
      return JSON.parse(stdout) as Record<string, unknown>;
    }),
  );
  const here = liveYears(TENANTS);
  expect(here.steps).toBeGreaterThan(300);
  expect(here.invoices).toBeGreaterThan(TENANTS * 10);
  for (const [index, years] of lived.entries()) {
    expect(years).toMatchObject({ ...here, zone: ZONES[index], dated: TENANTS * 3 });
  }
});
