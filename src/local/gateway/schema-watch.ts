import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

const reconnectDelayMs = 250;
const connectTimeoutMs = 5_000;

/**
 * Calls `onChange` whenever DDL was committed (the event triggers notify channel `pgrst`), and whenever the listening
 * connection came up or was lost, since news may have been missed. Never gives up; `end` resolves when all is closed.
 */
export function watchSchema({ databaseUrl, onChange }: { databaseUrl: string; onChange: () => void }): {
  end(): Promise<void>;
} {
  const stop = new AbortController();

  const watch = async () => {
    while (!stop.signal.aborted) {
      // Why it failed does not matter here: every call meets the same trouble and reports it.
      await listenUntilLost({ databaseUrl, onChange, signal: stop.signal }).catch(() => undefined);
      onChange();
      await delay(reconnectDelayMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
    }
  };
  const watching = watch();

  return {
    async end() {
      stop.abort();
      await watching;
    },
  };
}

async function listenUntilLost({
  databaseUrl,
  onChange,
  signal,
}: {
  databaseUrl: string;
  onChange: () => void;
  signal: AbortSignal;
}): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: connectTimeoutMs });
  const lost = new Promise<void>((resolve) => {
    client.once('end', resolve);
    client.on('error', () => resolve());
  });
  client.on('notification', onChange);
  const close = () => void client.end();
  await client.connect();
  signal.addEventListener('abort', close);
  try {
    await client.query('listen pgrst');
    onChange();
    if (!signal.aborted) await lost;
  } finally {
    signal.removeEventListener('abort', close);
    await client.end();
  }
}
