import ipaddr from "ipaddr.js";

/** Tells whether an IP address may be connected to. */
export type AddressGuard = (address: string) => boolean;

/**
 * Makes a guard that lets public unicast addresses pass and nothing else: no loopback, private, link-local (where
 * clouds keep credentials), shared, multicast, documentation or reserved range, and no address that carries another
 * inside (IPv4-mapped, NAT64, 6to4, Teredo).
 *
 * @param allowed networks that pass all the same, such as `10.1.0.0/16`, by vendors whose customers are on their net
 * @throws {TypeError} `options_invalid` where one is no network
 */
export function addressGuard(allowed: readonly string[] = []): AddressGuard {
  const networks = allowed.map((network) => {
    try {
      return ipaddr.parseCIDR(network);
    } catch {
      throw Object.assign(
        new TypeError(`httpSender: allowNetworks has ${JSON.stringify(network)}: write one such as 10.1.0.0/16`),
        {
          code: "options_invalid" as const,
        },
      );
    }
  });
  return (address) => {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.parse(address);
    const isAllowed = networks.some(
      ([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits),
    );
    return isAllowed || parsed.range() === "unicast";
  };
}

/** The networks of this machine alone, for development and tests. */
export const LOOPBACK_NETWORKS: readonly string[] = ["127.0.0.0/8", "::1/128"];
