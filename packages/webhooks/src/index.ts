export { type GateClock, steadyClock } from "./clock.ts";
export { type AcceptedEvent, MAX_EVENT_BYTES, type WebhookEvent } from "./event.ts";
export type { GateCounters } from "./gate/counters.ts";
export type { Delivery } from "./gate/deliveries.ts";
export { createGate, type DeliverOptions, type Gate, type TenantStatus } from "./gate/gate.ts";
export type { Deciding, GateLog, GateOptions, Send, SendContext } from "./gate/options.ts";
export { type HttpSender, type HttpSenderOptions, httpSender, type Secrets } from "./http/http-sender.ts";
export type { Resolve, ResolvedAddress } from "./http/resolve-host.ts";
export { type InboundAnswer, type InboundOptions, receiveInbound } from "./inbound.ts";
export { RETRY_SCHEDULE_MS } from "./retry-schedule.ts";
export { SendFailure, type SendFailureOptions } from "./send-failure.ts";
export type {
  EventState,
  Gap,
  LaneStatus,
  ListedEvent,
  Outbox,
  OutboxBounds,
  OutboxTotals,
  Selection,
} from "./store/outbox.ts";
export type { PostgresClient, PostgresPool } from "./store/postgres-driver.ts";
export { memoryStore, postgresStore, sqliteStore } from "./store/stores.ts";
