import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type TcpProxy = {
  port: number;
  /** Cuts all connections and refuses new ones, until `restore`. */
  cut(): void;
  restore(): void;
  close(): Promise<void>;
};

/** Stands between a client and a server that speaks no HTTP, and can be taken away. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let away = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A cut connection is what this is for.
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const server = createServer((client) => {
    keep(client);
    if (away) return client.resetAndDestroy();
    const upstream = keep(connect(target.port, target.host));
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cutAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      away = true;
      cutAll();
    },
    restore() {
      away = false;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      cutAll();
      await closed;
    },
  };
}

/** The same address, credentials and all, by way of the proxy. */
export function throughProxy(address: string | undefined, proxy: Pick<TcpProxy, 'port'>): string {
  const url = new URL(address ?? '');
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  return url.href;
}
