import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What is allocated of IPv6 for public use (RFC 4291 2.4, IANA's registry). */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** Azure's metadata and host services: a public address by its number, and another on every machine. */
const AZURE_HOST = '168.63.129.16';

/**
 * Whether an IP address is one of the public internet: not private, loopback, link-local (where clouds keep their
 * metadata), shared, multicast, reserved, nor an IPv6 form that carries an IPv4 address to somewhere else (NAT64, 6to4,
 * Teredo). An IPv4-mapped one is judged as the IPv4 address that it is.
 */
export function isPublicAddress(text: string): boolean {
  if (isIP(text) === 0) return false;
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv6 ? address.match(GLOBAL_UNICAST) : address.toString() !== AZURE_HOST;
}
