/**
 * The tables of the authority, alike on SQLite and PostgreSQL. Conventions: JSON is text; `*_ms` are Unix milliseconds,
 * `*_s` whole Unix seconds as on the wire; `revision` rises with every change of a row and is its ETag.
 *
 * The entity tables (`tenant`, `restriction`, `lock`, `policy`) are the state. `pending` lists what of it is not signed
 * yet; `publication`, `part` and `feed_state` are what was.
 */
import type { Generated } from "kysely";

/** Single values of the installation: `iss`, `aud`, `schema`. */
export interface MetaTable {
  readonly key: string;
  readonly value: string;
}

/** A customer organisation. A row with `gone_s` is a tombstone. */
export interface TenantTable {
  readonly id: string;
  readonly name: string;
  readonly plan: string;
  /** JSON object: overrides of the plan's features. */
  readonly features: string;
  readonly zone: string | null;
  readonly locale: string | null;
  readonly criticality: string | null;
  /** JSON array. */
  readonly contacts: string;
  /** JSON object: contract clause references. */
  readonly contract: string;
  readonly revision: number;
  readonly created_ms: number;
  readonly updated_ms: number;
  readonly gone_s: number | null;
}

/** One cause in force; `id` is its case. A cleared one stays for the record. */
export interface RestrictionTable {
  readonly id: string;
  readonly tenant_id: string;
  readonly cause: string;
  /** JSON array of wire steps. */
  readonly steps: string;
  /** JSON object: a wire exception. */
  readonly exception: string | null;
  readonly revision: number;
  readonly created_ms: number;
  readonly updated_ms: number;
  readonly cleared_ms: number | null;
}

/** A security stop. A lifted one stays for the record. */
export interface LockTable {
  readonly id: Generated<number>;
  readonly tenant_id: string;
  readonly case_id: string;
  readonly cause: string;
  readonly since_s: number;
  /** JSON array of capabilities. */
  readonly allow: string;
  /** The change set that a second person must approve before it is signed. */
  readonly change_set_id: string | null;
  readonly created_ms: number;
  readonly lifted_ms: number | null;
}

/** A policy version; exactly one is `active` once the authority is set up. */
export interface PolicyTable {
  readonly id: string;
  readonly version: string;
  /** JSON: the policy document. */
  readonly document: string;
  readonly state: "draft" | "active" | "retired";
  readonly created_ms: number;
  readonly activated_ms: number | null;
  /** The API key that uploaded it. */
  readonly uploaded_by: string;
}

/** A person's or a service's key. Only the hash of its secret is kept. */
export interface ApiKeyTable {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly hash: string;
  /** JSON array of roles. */
  readonly roles: string;
  readonly created_ms: number;
  readonly expires_ms: number | null;
  readonly revoked_ms: number | null;
}

/** The credential of one group of sidecars. */
export interface FleetCredentialTable {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly hash: string;
  readonly scope: string;
  readonly created_ms: number;
  readonly revoked_ms: number | null;
}

/** A change that waits for its signature. Ids are given when a change is written, not when it commits: never a cursor. */
export interface PendingTable {
  readonly id: Generated<number>;
  readonly kind: "entitlement" | "locks" | "policy" | "keyset";
  readonly tenant_id: string | null;
  /** Lower goes first: 0 locks, 1 restorations, 5 the rest, 9 bulk. */
  readonly priority: number;
  /** The change set that a second person must approve before this is signed. */
  readonly change_set_id: string | null;
  /** Who asked for it: the approver of a change set is somebody else (L6). */
  readonly actor: string;
  readonly created_ms: number;
  readonly published_epoch: number | null;
  readonly published_seq: number | null;
}

/** One published change: what the version `(epoch, seq)` brought. */
export interface PublicationTable {
  readonly epoch: number;
  readonly seq: number;
  readonly base: number;
  /** The signed delta. */
  readonly delta: string;
  /** The signed lock list, where this version changed it. */
  readonly locks: string | null;
  /** The signed policy, where this version changed it. */
  readonly policy: string | null;
  readonly tenants: number;
  /** Tenants that it narrows at once or within 24 h, without a second person's approval. */
  readonly narrowed: number;
  readonly created_ms: number;
  /** When the last live replica was known to enforce it. */
  readonly enforced_ms: number | null;
}

/** What was last published of each tenant: the line of its chunk. The state of the feed, where `tenant` is the wish. */
export interface EntitlementTable {
  readonly tenant_id: string;
  readonly line: string;
}

/** The parts of the feed by digest, exactly as they are served. */
export interface PartTable {
  readonly kind: "index" | "policy" | "locks" | "chunks";
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly created_ms: number;
}

/** Where the feed stands. One row, with `id` = 1. */
export interface FeedStateTable {
  readonly id: number;
  readonly epoch: number;
  readonly seq: number;
  readonly index_digest: string;
  readonly index_seq: number;
  readonly policy_digest: string;
  readonly locks_epoch: number;
  readonly locks_seq: number;
  readonly locks_digest: string;
  readonly head: string;
  readonly head_ms: number;
  /** Identity of the database cluster that signed last: another one does not sign without an operator. */
  readonly database_identity: string;
}

/** Keysets as signed, oldest first by `version`. */
export interface KeysetTable {
  readonly version: number;
  readonly token: string;
  readonly created_ms: number;
}

/** A key of the keysets. Written by whoever signs alone, together with what it signs. */
export interface SigningKeyTable {
  readonly kid: string;
  readonly role: "root" | "policy" | "locks" | "feed";
  /** `announced` in a keyset, `signing`, `retiring` since another signs, `retired` or `revoked` by a keyset. */
  readonly state: "announced" | "signing" | "retiring" | "retired" | "revoked";
  /** Orders keys as they became known. */
  readonly place: number;
  readonly since_ms: number;
  readonly signs_from_ms: number | null;
  /** The last version that it signed, where another signs now. */
  readonly last_epoch: number | null;
  readonly last_seq: number | null;
}

/** Keysets that were uploaded and verified, and come into force with the next version. */
export interface KeysetOfferTable {
  readonly version: number;
  readonly token: string;
  readonly pending_id: number;
  readonly created_ms: number;
}

/** Who may do what only one may do. `term` rises with every change of holder: a fence. */
export interface LeaseTable {
  readonly name: string;
  readonly holder: string;
  readonly term: number;
  readonly until_ms: number;
}

/** The change log: rows are only ever added. */
export interface LedgerTable {
  readonly id: Generated<number>;
  readonly at_ms: number;
  readonly actor: string;
  readonly role: string;
  readonly reason: string;
  readonly action: string;
  readonly subject: string;
  /** JSON. */
  readonly before: string | null;
  /** JSON. */
  readonly after: string | null;
  readonly correlation_id: string;
}

/** The answer to a write that carried an `Idempotency-Key`. */
export interface IdempotencyTable {
  readonly actor: string;
  readonly key: string;
  readonly request_hash: string;
  readonly status: number;
  readonly body: string;
  readonly created_ms: number;
}

/** A change that narrows so many tenants at once that a second person must approve it. */
export interface ChangeSetTable {
  readonly id: string;
  readonly state: "waiting" | "approved" | "rejected";
  readonly kind: "entitlement" | "locks";
  /** Tenants, or locks, when it was last added to. */
  readonly narrowed: number;
  /** Who founded it; others who added to it stand in `pending`. */
  readonly requested_by: string;
  readonly decided_by: string | null;
  readonly reason: string;
  readonly created_ms: number;
  readonly decided_ms: number | null;
}

/** A bulk import of tenants: how far it has come, or how it ended. */
export interface TenantImportTable {
  readonly id: string;
  readonly state: "running" | "done" | "failed";
  readonly format: "ndjson" | "csv";
  /** 1 where nothing is written. */
  readonly is_dry_run: number;
  readonly actor: string;
  /** The process that runs it: one that is gone does not. */
  readonly holder: string;
  readonly read: number;
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly invalid: number;
  /** JSON array: the first rows at fault. */
  readonly faults: string;
  readonly created_ms: number;
  readonly updated_ms: number;
}

/** The least version that a replica and its followers enforce. */
export interface AckTable {
  readonly replica: string;
  readonly credential_id: string;
  readonly epoch: number;
  readonly seq: number;
  readonly followers: number;
  readonly quarantined: number;
  readonly refused: number;
  readonly at_ms: number;
  /** When it was first said that this version is reached. */
  readonly reached_ms: Generated<number>;
}

/**
 * One run of a track for one tenant, under the policy that it was opened with. Its facts stand in `fact`; `plan` is what
 * followed from them when it was looked at last.
 */
export interface CaseFileTable {
  readonly id: string;
  readonly tenant_id: string;
  readonly track: "nonpayment" | "breach" | "security" | "offboarding";
  readonly state: "open" | "closed";
  /** The policy that it is pinned to. */
  readonly policy_id: string;
  readonly owner: string | null;
  readonly cause_code: string | null;
  /** Runs through everything that the case sets in motion. */
  readonly correlation_id: string;
  /** JSON: a `CasePlan`. */
  readonly plan: string | null;
  /** JSON: what the dates rest on. */
  readonly basis: string | null;
  /** JSON: why it cannot be planned or acted upon, and since when. */
  readonly fault: string | null;
  /** When to look again; 0 for at once, `null` for never. */
  readonly next_wake_ms: number | null;
  readonly lease_holder: string | null;
  readonly lease_until_ms: number | null;
  readonly revision: number;
  readonly opened_ms: number;
  readonly updated_ms: number;
  readonly closed_ms: number | null;
}

/** Something that became true about a case. Rows are only ever added. */
export interface FactTable {
  readonly seq: Generated<number>;
  readonly id: string;
  readonly case_id: string;
  readonly tenant_id: string;
  readonly kind: string;
  /** `invoice:…`, `payment:…`: what later facts name it by. */
  readonly subject: string | null;
  readonly at_ms: number;
  /** JSON: the whole fact. */
  readonly body: string;
  /** Where it came from: `api`, `stripe`, `runner`. */
  readonly source: string;
  readonly actor: string;
  readonly received_ms: number;
}

/** What came in from outside, as it came: each event once. */
export interface InboxTable {
  readonly source: string;
  readonly id: string;
  readonly tenant_id: string | null;
  /** JSON, as it came. */
  readonly body: string;
  readonly state: "done" | "ignored" | "quarantined";
  readonly code: string | null;
  readonly message: string | null;
  readonly attempts: number;
  readonly received_ms: number;
  readonly updated_ms: number;
}

/** A notice as it was written; it never changes. */
export interface NoticeTable {
  readonly id: string;
  readonly case_id: string;
  readonly tenant_id: string;
  readonly template: string;
  readonly stage: string | null;
  readonly round: string | null;
  readonly step_at_ms: number | null;
  readonly deadline: string | null;
  readonly locale: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly created_ms: number;
}

/** How a notice fares at one address. */
export interface NoticeDeliveryTable {
  readonly id: string;
  readonly notice_id: string;
  readonly channel: "mail" | "in_app" | "webhook" | "sms" | "phone" | "registered_mail";
  readonly address: string;
  readonly state:
    | "queued"
    | "accepted"
    | "bounced"
    | "failed"
    | "opened"
    | "clicked"
    | "confirmed"
    | "replied"
    | "delivered";
  readonly attempts: number;
  /** When to try; `null` where there is nothing left to do. */
  readonly next_ms: number | null;
  readonly lease_holder: string | null;
  readonly lease_until_ms: number | null;
  readonly detail: string | null;
  readonly updated_ms: number;
}

/** A version of a vendor's own notice template. The highest of a name and locale counts. */
export interface NoticeTemplateTable {
  readonly name: string;
  readonly locale: string;
  readonly version: number;
  /** `null`: back to the standard one. */
  readonly subject: string | null;
  readonly text: string | null;
  readonly actor: string;
  readonly created_ms: number;
}

/** Work for a person. */
export interface TaskTable {
  readonly id: string;
  readonly case_id: string;
  readonly tenant_id: string;
  readonly kind: string;
  /** Who is to do it. */
  readonly role: string;
  readonly title: string;
  /** JSON. */
  readonly body: string;
  readonly state: "open" | "done" | "cancelled";
  readonly due_ms: number | null;
  /** When it was told that it is late. */
  readonly alerted_ms: number | null;
  readonly created_ms: number;
  readonly done_ms: number | null;
  readonly done_by: string | null;
}

/** What is told to other systems. Rows are only ever added, in the transaction of what they tell of (L7). */
export interface OutgoingEventTable {
  readonly seq: Generated<number>;
  readonly id: string;
  readonly type: string;
  readonly tenant_id: string;
  readonly case_id: string | null;
  readonly correlation_id: string;
  /** JSON. */
  readonly body: string;
  readonly created_ms: number;
}

/** A system that is told. */
export interface EventEndpointTable {
  readonly id: string;
  readonly url: string;
  /** JSON array, the newest first. */
  readonly secrets: string;
  /** JSON array of event types; empty for all. */
  readonly types: string;
  /** 1 while it is told. */
  readonly enabled: number;
  readonly created_ms: number;
}

/** How one event fares at one endpoint. */
export interface EventDeliveryTable {
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly state: "queued" | "delivered" | "dead";
  readonly attempts: number;
  readonly next_ms: number | null;
  readonly lease_holder: string | null;
  readonly lease_until_ms: number | null;
  readonly detail: string | null;
}

/** A return that a fact brought about, from its receipt to the last live replica. */
export interface RestorationTable {
  readonly id: Generated<number>;
  readonly case_id: string;
  readonly tenant_id: string;
  /** The fact that brought it about. */
  readonly fact_id: string;
  readonly received_ms: number;
  /** The pending change that published it. */
  readonly pending_id: number;
  /** When the last live replica had it. */
  readonly enforced_ms: number | null;
}

/** What an outside system calls something of a tenant: a customer, a subscription, a payment of an invoice. */
export interface BillingRefTable {
  readonly source: string;
  /** As that system writes it: `cus_…`, `sub_…`, `pi_…`. */
  readonly ref: string;
  readonly tenant_id: string;
  /** The invoice that a payment is of. */
  readonly invoice: string | null;
  /** What is known of it beside, as JSON. */
  readonly body: string | null;
  /** How new what is known of it is, by the clock of that system. */
  readonly as_of_ms: number;
  readonly updated_ms: number;
}

/** How the messages of one outside system are read, as data. */
export interface FactAdapterTable {
  readonly name: string;
  /** JSON: an adapter document. */
  readonly document: string;
  /** JSON array, the newest first. */
  readonly secrets: string;
  readonly revision: number;
  readonly created_ms: number;
  readonly updated_ms: number;
}

/** Every table by its name. */
export interface Tables {
  readonly meta: MetaTable;
  readonly tenant: TenantTable;
  readonly restriction: RestrictionTable;
  readonly lock: LockTable;
  readonly policy: PolicyTable;
  readonly api_key: ApiKeyTable;
  readonly fleet_credential: FleetCredentialTable;
  readonly pending: PendingTable;
  readonly publication: PublicationTable;
  readonly entitlement: EntitlementTable;
  readonly part: PartTable;
  readonly feed_state: FeedStateTable;
  readonly keyset: KeysetTable;
  readonly signing_key: SigningKeyTable;
  readonly keyset_offer: KeysetOfferTable;
  readonly lease: LeaseTable;
  readonly ledger: LedgerTable;
  readonly idempotency: IdempotencyTable;
  readonly change_set: ChangeSetTable;
  readonly tenant_import: TenantImportTable;
  readonly ack: AckTable;
  readonly case_file: CaseFileTable;
  readonly fact: FactTable;
  readonly inbox: InboxTable;
  readonly notice: NoticeTable;
  readonly notice_delivery: NoticeDeliveryTable;
  readonly notice_template: NoticeTemplateTable;
  readonly task: TaskTable;
  readonly outgoing_event: OutgoingEventTable;
  readonly event_endpoint: EventEndpointTable;
  readonly event_delivery: EventDeliveryTable;
  readonly restoration: RestorationTable;
  readonly billing_ref: BillingRefTable;
  readonly fact_adapter: FactAdapterTable;
}
