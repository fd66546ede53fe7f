import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from '../shared/public-address.ts';
import { createResolveHost, type ResolveHost } from './resolve-host.ts';

/** The name, or one of its addresses, is not of the public internet, or there is no such name: whoever asks cannot tell which. */
export class NotPublicError extends Error {}

/** One request over https, a GET unless told otherwise; no redirect is followed. The response is the caller's to read or destroy. */
export type RequestPublic = (
  url: URL,
  options: { method?: 'GET' | 'POST'; headers: OutgoingHttpHeaders; body?: string; signal: AbortSignal },
) => Promise<IncomingMessage>;

/**
 * A way to addresses that strangers name, which never reaches a private network: the name is resolved here, once, all
 * its addresses are judged, and the connection goes to those and no others, so that a second answer of DNS has no say.
 * It has no proxy, no cookies and no connections that are kept. There is no setting that opens it: what is given here
 * is for tests, which have no public address.
 *
 * @throws NotPublicError; Node's errors, with a `code`, of DNS, TCP, TLS and HTTP
 */
export function createRequestPublic(
  options: { resolve?: ResolveHost; isPublic?: (address: string) => boolean; ca?: string } = {},
): RequestPublic {
  const { resolve = createResolveHost(), isPublic = isPublicAddress, ca } = options;

  const findAddresses = async (url: URL, signal: AbortSignal): Promise<string[]> => {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    // Node looks up no literal, so none would be judged further down.
    const addresses = isIP(host) === 0 ? await resolve(host, signal) : [host];
    if (addresses.length === 0 || !addresses.every(isPublic)) throw new NotPublicError();
    return addresses;
  };

  return async (url, { method = 'GET', headers, body, signal }) => {
    if (url.protocol !== 'https:' || url.username || url.password) throw new NotPublicError();
    const lookup = pinTo(await findAddresses(url, signal));
    signal.throwIfAborted();
    const { promise, resolve: answer, reject } = Promise.withResolvers<IncomingMessage>();
    // `agent: false`: the global one may know a proxy from the environment, and keeps connections.
    const tls = { agent: false, lookup, rejectUnauthorized: true, ...(ca && { ca }) } as const;
    https
      .request(url, { ...tls, method, headers, signal }, answer)
      .on('error', reject)
      .end(body);
    return promise;
  };
}

/** Answers every look-up with these addresses. */
function pinTo(addresses: string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, { all }, answer) => {
    if (all) return answer(null, found);
    answer(null, found[0]?.address ?? '', found[0]?.family);
  };
}
