import type { Command } from "commander";
import { addGroup } from "./command.ts";
import { addApiKeyCreate, addApiKeyList, addApiKeyRevoke } from "./commands/api-key.ts";
import { addAuthority } from "./commands/authority.ts";
import { addCaseActs } from "./commands/case-act.ts";
import { addCaseList } from "./commands/case-list.ts";
import { addCaseShow } from "./commands/case-show.ts";
import { addCaseTimeline } from "./commands/case-timeline.ts";
import { addChangeSetApprove, addChangeSetReject } from "./commands/change-set-decide.ts";
import { addChangeSetList } from "./commands/change-set-list.ts";
import { addCheck } from "./commands/check.ts";
import { addClockAdvance, addClockShow } from "./commands/clock.ts";
import { addDev } from "./commands/dev.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addDrill } from "./commands/drill.ts";
import { addFeedBuild } from "./commands/feed-build.ts";
import { addFeedVerify } from "./commands/feed-verify.ts";
import { addFleetCredential } from "./commands/fleet-credential.ts";
import { addFleetList } from "./commands/fleet-list.ts";
import { addImport } from "./commands/import.ts";
import { addKeysInit } from "./commands/keys-init.ts";
import { addKeysPassphrase } from "./commands/keys-passphrase.ts";
import { addKeysReplaceLost } from "./commands/keys-replace-lost.ts";
import { addKeysRetire, addKeysRevoke } from "./commands/keys-revoke.ts";
import { addKeysRotate } from "./commands/keys-rotate.ts";
import { addKeysPublish, addKeysStatus, addKeysUse } from "./commands/keys-status.ts";
import { addLedger } from "./commands/ledger.ts";
import { addLockList } from "./commands/lock-list.ts";
import { addPay } from "./commands/pay.ts";
import { addPolicyActivate } from "./commands/policy-activate.ts";
import { addPolicyDiff } from "./commands/policy-diff.ts";
import { addPolicyLint } from "./commands/policy-lint.ts";
import { addPolicyShow } from "./commands/policy-show.ts";
import { addPolicySimulate } from "./commands/policy-simulate.ts";
import { addPolicyList, addPolicyUpload } from "./commands/policy-upload.ts";
import { addRoutesLint } from "./commands/routes-lint.ts";
import { addSidecar } from "./commands/sidecar.ts";
import { addTenantAdd } from "./commands/tenant-add.ts";
import { addTenantList } from "./commands/tenant-list.ts";
import { addTenantLock } from "./commands/tenant-lock.ts";
import { addTenantPay } from "./commands/tenant-pay.ts";
import { addTenantPlan } from "./commands/tenant-plan.ts";
import { addTenantRestrict } from "./commands/tenant-restrict.ts";
import { addTenantShow } from "./commands/tenant-show.ts";
import { addTenantUnlock } from "./commands/tenant-unlock.ts";
import { addTokenInspect } from "./commands/token-inspect.ts";
import { addTokenIssue } from "./commands/token-issue.ts";
import { addTokenVerify } from "./commands/token-verify.ts";
import { addWebhooksPause, addWebhooksResume } from "./commands/webhooks-pause.ts";
import { addWebhooksPurge } from "./commands/webhooks-purge.ts";
import { addWebhooksReplay } from "./commands/webhooks-replay.ts";
import { addWebhooksStatus } from "./commands/webhooks-status.ts";

/**
 * Adds every command there is, in the order of the help.
 *
 * @param given the command line: the options of the servers come with the servers, which are loaded where they are named
 */
export async function addAllCommands(program: Command, given: readonly string[]): Promise<void> {
  addDev(program);
  await addAuthority(program, given.includes("authority"));
  await addSidecar(program, given.includes("sidecar"));
  addCheck(program);
  const tenant = addGroup(program, "tenant", "look at and change tenants, at an authority or in a file");
  addTenantList(tenant);
  addTenantShow(tenant);
  addTenantAdd(tenant);
  addTenantPay(tenant);
  addTenantRestrict(tenant);
  addTenantLock(tenant);
  addTenantUnlock(tenant);
  addTenantPlan(tenant);
  addPay(program);
  const cases = addGroup(program, "case", "look at cases, and decide them");
  addCaseList(cases);
  addCaseShow(cases);
  addCaseTimeline(cases);
  addCaseActs(cases);
  addLockList(addGroup(program, "lock", "look at locks"));
  addImport(program);
  const changeSet = addGroup(program, "change-set", "decide what narrows too much at once");
  addChangeSetList(changeSet);
  addChangeSetApprove(changeSet);
  addChangeSetReject(changeSet);
  addLedger(program);
  const apiKey = addGroup(program, "api-key", "who may talk to the authority, and in which roles");
  addApiKeyCreate(apiKey);
  addApiKeyList(apiKey);
  addApiKeyRevoke(apiKey);
  const fleet = addGroup(program, "fleet", "who enforces which version; alone it lists them");
  addFleetList(fleet);
  addFleetCredential(fleet);
  const feed = addGroup(program, "feed", "build and verify feeds");
  addFeedBuild(feed);
  addFeedVerify(feed);
  const keys = addGroup(program, "keys", "make, rotate and revoke the keys that sign");
  addKeysInit(keys);
  addKeysRotate(keys);
  addKeysUse(keys);
  addKeysRetire(keys);
  addKeysRevoke(keys);
  addKeysReplaceLost(keys);
  addKeysPassphrase(keys);
  addKeysStatus(keys);
  addKeysPublish(keys);
  const policy = addGroup(program, "policy", "look at policies and bring them into force");
  addPolicyLint(policy);
  addPolicyShow(policy);
  addPolicySimulate(policy);
  addPolicyList(policy);
  addPolicyUpload(policy);
  addPolicyDiff(policy);
  addPolicyActivate(policy);
  addRoutesLint(addGroup(program, "routes", "look at route tables"));
  const token = addGroup(
    program,
    "token",
    "issue, inspect and verify entitlement tokens",
    "A token is taken until 60 s after its exp: clocks may differ by that.",
  );
  addTokenIssue(token);
  addTokenInspect(token);
  addTokenVerify(token);
  const clock = addGroup(program, "clock", "see and, in development, move the time of the authority");
  addClockShow(clock);
  addClockAdvance(clock);
  addDrill(program);
  const webhooks = addGroup(program, "webhooks", "look at and operate the webhooks of a sidecar");
  addWebhooksStatus(webhooks);
  addWebhooksPause(webhooks);
  addWebhooksResume(webhooks);
  addWebhooksReplay(webhooks);
  addWebhooksPurge(webhooks);
  addDoctor(program);
}
