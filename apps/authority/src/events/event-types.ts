/** What other systems are told of: a closed list. */
export const EVENT_TYPES = [
  "case.opened",
  "step.announced",
  "step.effective",
  "step.withdrawn",
  "restored",
  "locked",
  "unlocked",
  "exception.granted",
  "exception.ended",
  "support.tier_changed",
] as const;
/** What other systems are told of. */
export type EventType = (typeof EVENT_TYPES)[number];

/** What an endpoint gets that is a channel of notices: the notice itself, to be brought to the tenant by the vendor. */
export const NOTICE_EVENT = "notice.sent";
