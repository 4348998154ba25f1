import { readFile } from "node:fs/promises";
import { standardPolicy } from "@dimmer/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EVENT_TYPES, NOTICE_EVENT } from "../../src/events/event-types.ts";
import { NoticeSender } from "../../src/notices/notice-sender.ts";
import { STANDARD_USES } from "../../src/notices/templates/template-uses.ts";
import { NOTICE_VARIABLES } from "../../src/notices/templates/variables.ts";
import { engines } from "../support/engines.ts";
import { type NoticeWorld, noticeWorld } from "./notice-world.ts";

let world: NoticeWorld;
beforeAll(async () => {
  world = await noticeWorld({ devMailbox: true });
});
afterAll(() => world.authority.stop());

const put = (name: string, body: object, key = world.cs): ReturnType<NoticeWorld["authority"]["ask"]> =>
  world.authority.ask("PUT", `/v1/templates/${name}`, { key, body });

describe("the development mailbox", () => {
  it("shows each mail as a page without scripts, and as JSON", async () => {
    await world.tenant("acme", { name: "<script>alert(1)</script>" });
    const id = await world.invoice("acme");
    const mails = async () => (await world.authority.ask("GET", "/dev/mailbox.json", { key: "" })).json()["items"];
    await expect.poll(mails).toMatchObject([{ tenant: "acme", to: "acme@example.com", template: "due_day" }]);
    await expect.poll(() => world.facts(id, "notice_accepted")).toHaveLength(1);
    const page = await world.authority.ask("GET", "/dev/mailbox", { key: "" });
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page.text).not.toContain("<script");
    expect(page.text).toContain("&lt;script&gt;alert(1)&lt;/script&gt; 御中");
    expect(page.text).toContain('<html lang="en">');
    expect((await world.authority.ask("GET", "/dev/mailbox.json?tenant=other")).json()["items"]).toEqual([]);
  });

  it("is not there unless it is asked for", async () => {
    const plain = await noticeWorld({});
    expect((await plain.authority.ask("GET", "/dev/mailbox", { key: "" })).status).toBe(404);
    expect((await plain.authority.ask("GET", "/dev/mailbox.json", { key: "" })).status).toBe(404);
    await plain.authority.stop();
  });
});

describe("a notice", () => {
  it("prints the period of its invoice as it was billed", async () => {
    await world.tenant("billed", { locale: "en" });
    const finance = await world.authority.keyWith("finance");
    const due = { date: "2026-12-25", zone: "Asia/Tokyo" };
    const body = { amount: 1_200, currency: "JPY", due, period: { from: "2026-12-01", to: "2026-12-31" } };
    const put = await world.authority.ask("PUT", "/v1/tenants/billed/invoices/4711", { key: finance, body });
    expect(put.status, put.text).toBeLessThan(300);
    const mails = async () => (await world.authority.ask("GET", "/dev/mailbox.json?tenant=billed")).text;
    await expect.poll(mails).toContain("the payment of ¥1,200 for December 2026 (invoice 4711) is due on");
    const backwards = { ...body, period: { from: "2026-12-31", to: "2026-12-01" } };
    const other = await world.authority.ask("PUT", "/v1/tenants/billed/invoices/4712", {
      key: finance,
      body: backwards,
    });
    expect(other.status).toBe(400);
  });
});

describe("the guide to notices", () => {
  it("names every variable with what it says, every template and every event", async () => {
    const guide = await readFile(new URL("../../../../docs/guides/notices.md", import.meta.url), "utf8");
    for (const [name, { describe: says }] of Object.entries(NOTICE_VARIABLES)) {
      expect(guide).toContain(`| \`{${name}}\` | ${says} |`);
    }
    for (const name of [...Object.keys(STANDARD_USES), ...EVENT_TYPES, NOTICE_EVENT])
      expect(guide).toContain(`\`${name}\``);
  });
});

describe("/v1/templates", () => {
  it("lists every template with the variables, previews one with examples and about a case", async () => {
    const list = (await world.authority.ask("GET", "/v1/templates")).json();
    expect(list["items"]).toHaveLength(36);
    expect(Object.keys(list["variables"] as object)).toContain("deadline");
    const shown = (await world.authority.ask("GET", "/v1/templates/warning/en/preview")).json();
    expect(shown["subject"]).toContain("Wednesday 6 January 2027, 23:59");
    const [notice] = (await world.authority.ask("GET", "/v1/tenants/acme/notices")).json()["items"] as {
      case: string;
    }[];
    const about = `/v1/templates/warning/en/preview?case=${notice?.case}`;
    expect((await world.authority.ask("GET", about)).json()["text"]).toContain(
      "Wednesday 6 January 2027, 23:59 (GMT+9)",
    );
    const tried = "/v1/templates/warning/en/preview?subject=Hi&text=By%20{deadline}";
    expect((await world.authority.ask("GET", tried)).json()).toMatchObject({ subject: "Hi" });
    expect((await world.authority.ask("GET", "/v1/templates/nothing/en/preview")).status).toBe(404);
    expect((await world.authority.ask("GET", "/v1/templates/warning/en/preview?case=none")).status).toBe(404);
  });

  it("takes one that says what it must, keeps its versions, and goes back to the standard one", async () => {
    const own = { subject: "Hello", text: "{support_url} {still_works} and thank you" };
    expect((await put("restored/ja", own)).json()).toMatchObject({ version: 1, subject: "Hello" });
    expect((await put("restored/ja", { ...own, subject: "Again" })).json()).toMatchObject({ version: 2 });
    expect((await world.authority.ask("GET", "/v1/templates/restored/ja")).json()).toMatchObject({ subject: "Again" });
    const reset = await world.authority.ask("DELETE", "/v1/templates/restored/ja", { key: world.cs });
    expect(reset.json()).toMatchObject({ version: 0 });
    const auditor = await world.authority.keyWith("auditor");
    expect((await put("restored/ja", own, auditor)).status).toBe(403);
    expect((await put("restored/fr", own)).status).toBe(400);
  });

  it("refuses one with a missing or unknown variable, naming each, before anything could be sent with it", async () => {
    const refused = await put("warning/en", { subject: "Pay", text: "Pay {amont} by {deadline}" });
    expect(refused.status).toBe(400);
    expect(refused.json()["detail"]).toContain("there is no variable {amont}");
    const codes = (refused.json()["findings"] as { code: string }[]).map(({ code }) => code);
    expect(codes.filter((code) => code === "duty_missing").length).toBeGreaterThan(5);
    expect((await put("warning/en", { subject: "a\nb", text: "x" })).status).toBe(400);
    expect((await put("warning/en", { subject: "a", text: "x\u0000" })).status).toBe(400);
  });
});

describe("a policy", () => {
  it("that sends a notice without a template is not activated until there is one", async () => {
    const document = {
      ...standardPolicy,
      version: "2",
      notices: { ...standardPolicy.notices, last_call: { to: ["billing"], channels: ["mail"] } },
    };
    const draft = await world.authority.ask("POST", "/v1/policies", { body: { document } });
    expect(draft.status, draft.text).toBe(201);
    const activate = `/v1/policies/${String(draft.json()["id"])}/activate`;
    const refused = await world.authority.ask("POST", activate, { body: {} });
    expect([refused.status, refused.json()["field"]]).toEqual([400, "document.notices.last_call"]);
    expect(refused.json()["detail"]).toContain("Put one first, at /v1/templates/last_call/en");
    for (const locale of ["en", "ja"]) await put(`last_call/${locale}`, { subject: "Last", text: "Ask {support_url}" });
    expect((await world.authority.ask("POST", activate, { body: {} })).status).toBe(200);
    const reset = await world.authority.ask("DELETE", "/v1/templates/last_call/en", { key: world.cs });
    expect(reset.status).toBe(409);
  });

  it("with calls, letters and SMS has people make them, and what they say is the evidence", async () => {
    const notices = {
      ...standardPolicy.notices,
      due_day: { to: ["billing"], channels: ["phone", "sms", "registered_mail"] },
    };
    const document = { ...standardPolicy, version: "3", notices };
    const draft = await world.authority.ask("POST", "/v1/policies", { body: { document } });
    await world.authority.ask("POST", `/v1/policies/${String(draft.json()["id"])}/activate`, { body: {} });
    await world.tenant("called", {
      contacts: [{ name: "B", phone: "+81 3 0000 0000", roles: ["billing"] }],
      contract: { sms_consent: "2026-01-01", postal_address: "東京都千代田区1-1" },
    });
    const id = await world.invoice("called");
    const tasks = async () => {
      const answer = await world.authority.ask("GET", "/v1/tasks?tenant=called&state=open");
      return answer.json()["items"] as { id: string; kind: string; body: Record<string, string> }[];
    };
    await expect
      .poll(async () => (await tasks()).map(({ kind }) => kind).toSorted())
      .toEqual(["contact.phone", "contact.registered_mail", "contact.sms"]);
    const byKind = Object.fromEntries((await tasks()).map((task) => [task.kind, task]));
    expect(byKind["contact.sms"]?.body["message"]).toContain("お支払い: https://billing.example.com/pay?tenant=called");
    expect(byKind["contact.sms"]?.body["message"]).not.toContain("55,000");
    expect(byKind["contact.phone"]?.body["text"]).toContain("￥55,000");
    const finish = (kind: string, body: object, key = world.cs) =>
      world.authority.ask("POST", `/v1/tasks/${byKind[kind]?.id}/done`, { key, body });
    expect((await finish("contact.phone", { outcome: "reached" }, world.authority.admin)).status).toBe(403);
    const log = { outcome: "reached", person: "Ms. Sato", note: "A transfer is on its way" };
    expect((await finish("contact.phone", log)).json()).toMatchObject({ state: "done", body: { log } });
    expect((await finish("contact.phone", log)).status).toBe(409);
    expect((await finish("contact.sms", { outcome: "not_reached" })).status).toBe(200);
    const posted = await finish("contact.registered_mail", { outcome: "delivered", reference: "123-45-678" });
    expect(posted.status).toBe(200);
    const accepted = await world.facts(id, "notice_accepted");
    expect(accepted).toMatchObject([
      { address: "phone:+81 3 0000 0000" },
      { address: "registered_mail:東京都千代田区1-1" },
    ]);
    expect(await world.facts(id, "notice_bounced")).toMatchObject([{ address: "sms:+81 3 0000 0000" }]);
    await expect.poll(async () => (await world.facts(id, "step_signed")).length, { timeout: 15_000 }).toBe(1);
  });
});

describe.each(engines())("deliveries, on $name", (engine) => {
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());

  it("are made by one sender of several, once; one that a dead sender had leased is made after its lease", async () => {
    const held = await noticeWorld({}, { store: await engine.url() });
    const { store, logged: _ } = held.authority;
    const tenants = Array.from({ length: 30 }, (_unused, index) => `t${index}`);
    for (const tenant of tenants) {
      await held.tenant(tenant);
      await held.invoice(tenant);
    }
    const queued = () =>
      store.db
        .selectFrom("notice_delivery")
        .select(["id", "state"])
        .where("channel", "=", "mail")
        .where("state", "=", "queued")
        .execute();
    await expect.poll(async () => (await queued()).length, { timeout: 20_000 }).toBe(30);
    const [dead] = await queued();
    const lease = { lease_holder: "dead", lease_until_ms: (await store.clockMs(store.db, held.nowMs)) + 60_000 };
    await store.db
      .updateTable("notice_delivery")
      .set(lease)
      .where("id", "=", dead?.id ?? "")
      .execute();
    const sent: string[] = [];
    // Several processes on one store: the clock of each is minutes off that of the next, and none has what another has.
    const apartMs = engine.name === "PostgreSQL" ? 600_000 : 0;
    const senders = ["one", "two", "three"].map(
      (holder, index) =>
        new NoticeSender({
          store,
          now: () => held.nowMs + index * apartMs,
          log: { warn: () => undefined, error: (fault: unknown) => sent.push(`fault ${String(fault)}`) } as never,
          holder,
          allowsLoopback: false,
          onFact: () => undefined,
          courier: {
            domain: "test.invalid",
            hand: (mail) => {
              sent.push(mail.messageId);
              return Promise.resolve({ state: "accepted", detail: "250" });
            },
            close: () => undefined,
          },
        }),
    );
    for (const sender of senders) sender.start();
    await expect.poll(async () => (await queued()).length, { timeout: 20_000 }).toBe(1);
    expect(sent).toHaveLength(29);
    await store.db
      .updateTable("notice_delivery")
      .set({ lease_until_ms: (await store.clockMs(store.db, held.nowMs)) - 1 })
      .where("id", "=", dead?.id ?? "")
      .execute();
    await expect.poll(async () => (await queued()).length, { timeout: 20_000 }).toBe(0);
    expect(sent.at(-1)).toBe(`<${dead?.id}@test.invalid>`);
    expect(new Set(sent).size).toBe(30);
    for (const sender of senders) await sender.stop();
    await held.authority.stop();
  });
});
