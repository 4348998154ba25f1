import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NOTICE_RETRY_MS } from "../../src/notices/notice-sender.ts";
import { engines } from "../support/engines.ts";
import { at, type NoticeWorld, noticeWorld } from "./notice-world.ts";
import { startSmtp, type TestSmtp } from "./smtp.ts";

const FROM = "ACME Cloud <billing@acme.example>";

describe.each(engines())("notices by mail, on $name", (engine) => {
  let smtp: TestSmtp;
  let world: NoticeWorld;
  beforeAll(async () => {
    await engine.start();
    smtp = await startSmtp();
    world = await noticeWorld({ smtpUrl: smtp.url, mailFrom: FROM }, { store: await engine.url() });
  });
  afterAll(async () => {
    await world.authority.stop();
    await smtp.stop();
    await engine.stop();
  });

  const mailsTo = (tenant: string): TestSmtp["mails"] => smtp.mails.filter(({ to }) => to === `${tenant}@example.com`);
  const mailed = (tenant: string, count: number): Promise<void> =>
    expect.poll(() => mailsTo(tenant).length, { timeout: 15_000 }).toBe(count);

  it("go out in the tenant's language with both parts, and their acceptance lets the step be signed", async () => {
    await world.tenant("acme");
    const id = await world.invoice("acme");
    await mailed("acme", 1);
    const [mail] = mailsTo("acme");
    expect(mail?.from).toBe("billing@acme.example");
    expect(mail?.header("Auto-Submitted")).toBe("auto-generated");
    expect(mail?.header("Message-ID")).toMatch(/^<delivery_[0-9a-f-]{36}@acme\.example>$/);
    const text = mail?.part("text/plain") ?? "";
    expect(text).toContain("acme K.K. 御中");
    expect(text).toContain("2026年12月28日(月) 23:59（日本標準時） までにお支払いをお願いいたします");
    expect(text).toContain("￥55,000");
    expect(text).toContain("見積番号：Q-1");
    expect(mail?.part("text/html")).toContain('<html lang="ja">');
    await expect.poll(() => world.facts(id, "notice_accepted")).toMatchObject([{ address: "mail:acme@example.com" }]);
    await expect.poll(async () => (await world.facts(id, "step_signed")).length, { timeout: 15_000 }).toBe(1);
  });

  it("L1 · that bounce at every address hold the clock, whatever stands in the application, and ask for another address", async () => {
    smtp.refuse = (to) => (to === "gone@example.com" ? { code: 550, text: "5.1.1 no such user" } : undefined);
    await world.tenant("gone");
    const id = await world.invoice("gone");
    await expect.poll(() => world.facts(id, "notice_bounced")).toMatchObject([{ address: "mail:gone@example.com" }]);
    const task = async (): Promise<unknown> =>
      (await world.authority.ask("GET", "/v1/tasks?tenant=gone&state=open", { key: world.cs })).json()["items"];
    await expect.poll(task, { timeout: 15_000 }).toMatchObject([{ kind: "fix_contacts", role: "cs" }]);
    expect(await world.facts(id, "step_signed")).toEqual([]);
    expect((await world.deliveries("gone")).map(({ channel, state }) => [channel, state])).toEqual([
      ["mail", "bounced"],
      ["in_app", "queued"],
    ]);
  });

  it("are tried again after a refusal that is not final, under the same message id, and later each time", async () => {
    let tries = 0;
    smtp.refuse = (to) => (to === "busy@example.com" && ++tries <= 2 ? { code: 451, text: "4.2.1 later" } : undefined);
    await world.tenant("busy");
    const id = await world.invoice("busy");
    const delivery = () =>
      world.authority.store.db
        .selectFrom("notice_delivery")
        .selectAll()
        .where("address", "=", "busy@example.com")
        .executeTakeFirst();
    await expect.poll(async () => (await delivery())?.attempts).toBe(1);
    const first = await delivery();
    expect(first).toMatchObject({ state: "queued", next_ms: world.nowMs + 60_000 });
    expect(first?.detail).toContain("4.2.1 later");
    world.nowMs += 60_000;
    await expect.poll(async () => (await delivery())?.attempts).toBe(2);
    world.nowMs += 300_000;
    await mailed("busy", 1);
    expect(mailsTo("busy")[0]?.header("Message-ID")).toContain(first?.id);
    await expect.poll(async () => (await world.facts(id, "notice_accepted")).length).toBe(1);
  });

  it("that waited are not sent to who has paid meanwhile, and count neither way", async () => {
    smtp.refuse = (to) => (to === "paid@example.com" ? { code: 451, text: "4.2.1 later" } : undefined);
    await world.tenant("paid");
    const id = await world.invoice("paid");
    const { db } = world.authority.store;
    const mail = () =>
      db.selectFrom("notice_delivery").selectAll().where("address", "=", "paid@example.com").executeTakeFirst();
    await expect.poll(async () => (await mail())?.attempts).toBe(1);
    await world.record("paid", {
      kind: "payment",
      id: "payment/paid",
      atMs: world.nowMs,
      payment: "p-paid",
      invoice: "inv-paid",
      amount: 55_000,
      currency: "JPY",
    });
    const state = async (): Promise<string | undefined> => {
      const row = await db.selectFrom("case_file").select("plan").where("id", "=", id).executeTakeFirstOrThrow();
      return (JSON.parse(row.plan ?? "{}") as { state?: string }).state;
    };
    await expect.poll(state, { timeout: 15_000 }).toBe("cleared");
    smtp.refuse = () => undefined;
    world.nowMs += 60_000;
    await expect.poll(async () => (await mail())?.next_ms).toBeNull();
    expect(await mail()).toMatchObject({ state: "queued", detail: "not sent: what it says was no longer so" });
    expect(mailsTo("paid")).toEqual([]);
    expect(await world.facts(id, "notice_bounced")).toEqual([]);
  });

  it("that nobody takes for days are given up, and count as bounced", async () => {
    smtp.refuse = (to) => (to === "never@example.com" ? { code: 421, text: "4.3.2 not today" } : undefined);
    await world.tenant("never");
    const id = await world.invoice("never");
    const { db } = world.authority.store;
    const mail = () =>
      db.selectFrom("notice_delivery").selectAll().where("address", "=", "never@example.com").executeTakeFirst();
    await expect.poll(async () => (await mail())?.attempts).toBe(1);
    const last = { attempts: NOTICE_RETRY_MS.length, next_ms: world.nowMs };
    await db.updateTable("notice_delivery").set(last).where("address", "=", "never@example.com").execute();
    await expect.poll(async () => (await mail())?.state).toBe("failed");
    expect(NOTICE_RETRY_MS.reduce((sum, ms) => sum + ms)).toBeGreaterThan(3 * 86_400_000);
    expect(await world.facts(id, "notice_bounced")).toHaveLength(1);
  });

  it("to a tenant without any address bounce at once", async () => {
    await world.tenant("nobody", { contacts: [{ name: "X", phone: "+81 3 0000 0000" }] });
    const id = await world.invoice("nobody");
    await expect.poll(() => world.facts(id, "notice_bounced")).toMatchObject([{ address: "mail:none" }]);
  });

  it("go to those with the role, once each; to everybody where nobody has it", async () => {
    smtp.refuse = () => undefined;
    const contact = (name: string, ...roles: string[]): object => ({ name, email: `${name}@two.example`, roles });
    await world.tenant("two", {
      contacts: [contact("a", "billing"), contact("b", "technical"), contact("c", "admin"), contact("a", "admin")],
    });
    await world.invoice("two");
    await world.tenant("tech", { contacts: [contact("d", "technical")] });
    await world.invoice("tech");
    const sent = (): string[] => smtp.mails.map(({ to }) => to).filter((to) => to.endsWith("@two.example"));
    await expect.poll(() => sent().toSorted()).toEqual(["a@two.example", "c@two.example", "d@two.example"]);
  });

  it("have evidence: a bounce that comes later counts, an opening never does, and nothing is unlearnt", async () => {
    await world.tenant("late");
    const id = await world.invoice("late");
    await expect.poll(async () => (await world.facts(id, "notice_accepted")).length).toBe(1);
    const [mail, shown] = await world.deliveries("late");
    if (mail === undefined || shown === undefined) throw new Error("there are no deliveries");
    expect((await world.evidence(mail.notice, mail.id, "replied")).json()["state"]).toBe("replied");
    expect((await world.evidence(mail.notice, mail.id, "opened")).json()["state"]).toBe("replied");
    expect((await world.facts(id, "notice_accepted")).length).toBe(1);
    expect((await world.evidence(mail.notice, mail.id, "bounced", { detail: "5.1.1" })).json()["state"]).toBe(
      "bounced",
    );
    await world.evidence(mail.notice, mail.id, "bounced");
    expect(await world.facts(id, "notice_bounced")).toHaveLength(1);
    await expect.poll(async () => (await world.facts(id, "step_withdrawn")).length, { timeout: 15_000 }).toBe(1);
    expect((await world.evidence(shown.notice, shown.id, "opened")).json()["state"]).toBe("opened");
    expect((await world.facts(id, "notice_accepted")).length).toBe(1);
    expect((await world.evidence(shown.notice, shown.id, "confirmed")).json()["state"]).toBe("confirmed");
    expect(await world.facts(id, "notice_accepted")).toMatchObject([{}, { address: "in_app:late" }]);
    const ledger = (await world.authority.ask("GET", `/v1/ledger?subject=notice:${mail.notice}`)).json()["items"];
    expect((ledger as { action: string }[]).map(({ action }) => action)).toEqual(
      ["accepted", "replied", "opened", "bounced", "bounced", "opened", "confirmed"].map((name) => `notice.${name}`),
    );
  });

  it("take evidence of the past alone, of what there is, from those who may give it", async () => {
    const [mail] = await world.deliveries("two");
    if (mail === undefined) throw new Error("there is no delivery");
    const future = new Date(world.nowMs + 10_000).toISOString();
    expect((await world.evidence(mail.notice, mail.id, "replied", { at: future })).status).toBe(400);
    expect((await world.evidence(mail.notice, mail.id, "replied", { at: "2020-01-01T00:00:00Z" })).status).toBe(400);
    expect((await world.evidence(mail.notice, mail.id, "lost")).status).toBe(400);
    const other = "delivery_00000000-0000-0000-0000-000000000000";
    expect((await world.evidence(mail.notice, other, "replied")).status).toBe(404);
    const path = `/v1/notices/${mail.notice}/deliveries/${mail.id}/evidence`;
    expect((await world.authority.ask("POST", path, { body: { evidence: "replied" } })).status).toBe(403);
  });

  it("are listed for the application, and read one by one", async () => {
    const list = (await world.authority.ask("GET", "/v1/tenants/acme/notices?limit=1")).json();
    const [item] = list["items"] as { id: string; deadline: string }[];
    expect(item).toMatchObject({ template: "due_day", locale: "ja", deadline: "2026-12-28T23:59:00+09:00" });
    const whole = (await world.authority.ask("GET", `/v1/notices/${item?.id}`)).json();
    expect(whole["deliveries"]).toHaveLength(2);
    expect((await world.authority.ask("GET", "/v1/notices/notice_00000000-0000-0000-0000-000000000000")).status).toBe(
      404,
    );
  });

  it("are sent by hand, and announce nothing", async () => {
    const [item] = (await world.authority.ask("GET", "/v1/tenants/acme/notices")).json()["items"] as { case: string }[];
    const path = `/v1/cases/${item?.case}/notices`;
    const before = (await world.facts(item?.case ?? "", "notice_accepted")).length;
    const sent = await world.authority.ask("POST", path, { key: world.cs, body: { template: "plan_agreed" } });
    expect(sent.status, sent.text).toBe(201);
    await expect.poll(() => mailsTo("acme").at(-1)?.part("text/plain")).toContain("分割払いのご予定を");
    expect(await world.facts(item?.case ?? "", "notice_accepted")).toHaveLength(before);
    expect((await world.authority.ask("POST", path, { key: world.cs, body: { template: "nothing" } })).status).toBe(
      409,
    );
    expect((await world.authority.ask("POST", path, { body: { template: "plan_agreed" } })).status).toBe(403);
  });
});

describe("a mail server", () => {
  it("that does not know us says nothing of the tenant; with the password it takes the mail", async () => {
    const smtp = await startSmtp("open sesame");
    const url = smtp.url.replace("smtp://", "smtp://dimmer@");
    const wrong = await noticeWorld({ smtpUrl: url, mailFrom: FROM }, { env: { DIMMER_SMTP_PASSWORD: "wrong" } });
    await wrong.tenant("acme");
    const id = await wrong.invoice("acme");
    const mail = async () => (await wrong.authority.store.db.selectFrom("notice_delivery").selectAll().execute())[0];
    await expect.poll(async () => (await mail())?.attempts).toBe(1);
    expect(await mail()).toMatchObject({ state: "queued", detail: expect.stringContaining("who are you") });
    expect(await wrong.facts(id, "notice_bounced")).toEqual([]);
    await wrong.authority.stop();
    const right = await noticeWorld({ smtpUrl: url, mailFrom: FROM }, { env: { DIMMER_SMTP_PASSWORD: "open sesame" } });
    await right.tenant("acme");
    await right.invoice("acme");
    await expect.poll(() => smtp.mails.length).toBe(1);
    await right.authority.stop();
    await smtp.stop();
  });

  it("L1 · that is not there lets nothing be signed that a mail would announce", async () => {
    const world = await noticeWorld({});
    await world.tenant("acme");
    const id = await world.invoice("acme");
    await expect.poll(async () => (await world.facts(id, "notice_sent")).length).toBe(1);
    world.nowMs = at("2027-03-01T09:00:00+09:00");
    await world.record("acme", { kind: "contacts_changed", id: "c1", atMs: world.nowMs });
    const file = () =>
      world.authority.store.db.selectFrom("case_file").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
    await expect.poll(async () => (await file()).next_wake_ms).not.toBe(0);
    expect(await world.facts(id, "step_signed")).toEqual([]);
    expect(world.authority.logged.join()).toContain("no mail server is configured");
    await world.authority.stop();
  });

  it.each([
    [{ smtpUrl: "http://mail" }, /--smtp-url/],
    [{ smtpUrl: "smtp://user:secret@mail", mailFrom: FROM }, /--smtp-url(?!.*secret)/],
    [{ smtpUrl: "smtp://mail" }, /--mail-from: is missing/],
    [{ devMailbox: true, smtpUrl: "smtp://mail" }, /--dev-mailbox/],
    [{ devMailbox: true, host: "0.0.0.0" }, /--dev-mailbox/],
    [{ devMailbox: "maybe" }, /--dev-mailbox/],
    [{ mailFrom: "nobody\r\nBcc: all@example.com" }, /--mail-from/],
  ])("with settings %o is refused at the start", async (config, message) => {
    await expect(noticeWorld(config)).rejects.toThrow(message);
  });
});
