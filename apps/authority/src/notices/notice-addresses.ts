import type { NoticeDocument } from "@dimmer/core";
import type { NoticeDeliveryTable, TenantTable } from "../store/schema.ts";

/** How a notice can be brought to somebody. */
export type NoticeChannel = NoticeDeliveryTable["channel"];

/** Where a notice goes. */
export interface NoticeAddress {
  readonly channel: NoticeChannel;
  readonly address: string;
}

interface Contact {
  readonly name: string;
  readonly email?: string;
  readonly phone?: string;
  readonly roles?: readonly string[];
}

/** Stands where a notice has no address at all: it bounces at once, so that the clock is held and a person is asked. */
export const NO_ADDRESS: NoticeAddress = { channel: "mail", address: "none" };

/** An address as facts name it. Never throws. */
export function addressName({ channel, address }: NoticeAddress): string {
  return `${channel}:${address}`;
}

/**
 * Where a notice goes by its channels and the tenant's contacts. A contact without roles gets every notice; where no
 * contact has one of the roles, all of them do. An SMS needs permission: `sms_consent` in the tenant's contract.
 *
 * @param endpoints the ids of endpoints that are told of notices
 */
export function addressesOf(
  notice: NoticeDocument,
  tenant: TenantTable,
  endpoints: readonly string[],
): readonly NoticeAddress[] {
  const contacts = contactsOf(tenant, notice.to);
  const contract = JSON.parse(tenant.contract) as Readonly<Record<string, string>>;
  const phones = contacts.flatMap(({ phone }) => phone ?? []);
  const byChannel: Readonly<Record<NoticeChannel, readonly string[]>> = {
    mail: contacts.flatMap(({ email }) => email ?? []),
    in_app: [tenant.id],
    webhook: endpoints,
    sms: contract["sms_consent"] === undefined ? [] : phones,
    phone: phones,
    registered_mail: contract["postal_address"] === undefined ? [] : [contract["postal_address"]],
  };
  const addresses = notice.channels.flatMap((channel) => {
    const found = Object.hasOwn(byChannel, channel) ? byChannel[channel as NoticeChannel] : [];
    return [...new Set(found)].map((address): NoticeAddress => ({ channel: channel as NoticeChannel, address }));
  });
  const isOnlyShown = addresses.every(({ channel }) => channel === "in_app");
  const isMeantOnlyShown = notice.channels.every((channel) => channel === "in_app");
  return isOnlyShown && !isMeantOnlyShown ? [...addresses, NO_ADDRESS] : addresses;
}

/**
 * The addresses that a notice counts as sent to. One in the application stands there for whoever looks, and nobody knows
 * who does: it counts when a person confirms it, and never keeps a notice from being lost whose other addresses bounced.
 */
export function countedAddresses(addresses: readonly NoticeAddress[]): readonly string[] {
  const others = addresses.filter(({ channel }) => channel !== "in_app");
  return (others.length > 0 ? others : addresses).map(addressName);
}

function contactsOf({ contacts }: TenantTable, roles: readonly string[]): readonly Contact[] {
  const all = JSON.parse(contacts) as readonly Contact[];
  const wanted = all.filter(
    (contact) => contact.roles === undefined || contact.roles.some((role) => roles.includes(role)),
  );
  return wanted.length > 0 ? wanted : all;
}
