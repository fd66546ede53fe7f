const KEY = 'darkroom.token';

export type Session = {
  token(): string | null;
  signIn(token: string): void;
  signOut(): void;
};

/**
 * The token that the page calls with. It lives as long as this tab, in memory where the browser keeps nothing, and stands
 * in no address and no log.
 */
export function createSession(): Session {
  let inMemory: string | null = null;
  return {
    token: () => inMemory ?? kept((storage) => storage.getItem(KEY)),
    signIn(token) {
      inMemory = token;
      kept((storage) => storage.setItem(KEY, token));
    },
    signOut() {
      inMemory = null;
      kept((storage) => storage.removeItem(KEY));
    },
  };
}

function kept<T>(use: (storage: Storage) => T): T | null {
  try {
    return use(sessionStorage);
  } catch {
    // A browser that is told to keep nothing throws: then memory has to do.
    return null;
  }
}
