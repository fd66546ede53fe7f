import { Resolver } from 'node:dns/promises';

/** Every address of a name, [] when it has none. Throws with a `code` when no DNS server could say. */
export type ResolveHost = (host: string, signal: AbortSignal) => Promise<string[]>;

const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

/**
 * Asks DNS alone: names of the hosts file and of search domains are nobody's public ones. And not getaddrinfo, whose few
 * threads are everybody's: names whose servers never answer would stop every other look-up and file of the process.
 *
 * @param servers the system's own unless given
 */
export function createResolveHost(servers?: string[]): ResolveHost {
  return async (host, signal) => {
    signal.throwIfAborted();
    const resolver = new Resolver({ timeout: 2_000, tries: 2 });
    if (servers) resolver.setServers(servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
      const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      const failed = answers.find((answer) => answer.status === 'rejected' && !saysNo(answer.reason));
      if (addresses.length === 0 && failed?.status === 'rejected') throw failed.reason;
      return addresses;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}

function saysNo(error: { code?: string }): boolean {
  return NO_SUCH_NAME.has(error.code ?? '');
}
