import { createDarkroomClient } from '../client/client.ts';
import { DarkroomError } from '../client/darkroom-error.ts';
import { sleep } from '../client/http.ts';
import { loadChoices } from './choices.ts';
import { el, fill } from './dom.ts';
import { createDrafts } from './draft.ts';
import { followImages } from './live-images.ts';
import { followLoad } from './live-load.ts';
import { createNotices } from './notices.ts';
import { problemText } from './problem-text.ts';
import { createSession } from './session.ts';
import { showSignIn } from './sign-in.ts';
import { openWorkspace } from './workspace.ts';

const TRY_EVERY_MS = 3_000;
/** The API is where the page is, also below another path of a proxy. */
const baseUrl = new URL('.', location.href.replace(/[?#].*$/, '')).href.replace(/\/$/, '');

const main = document.getElementById('main') as HTMLElement;
const menu = document.getElementById('menu') as HTMLElement;
const account = document.getElementById('account') as HTMLElement;
const notices = createNotices();
const session = createSession();
const drafts = createDrafts();
let ended = new AbortController();

/** Answers 401 to a token: that is over, for whatever asked. */
const fetchOfSession: typeof fetch = async (...args) => {
  const { signal } = ended;
  const response = await fetch(...args);
  if (response.status === 401 && session.token() !== null && !signal.aborted) {
    session.signOut();
    end();
    askForToken('Your token is not valid, or not any more. Sign in again.', begin);
  }
  return response;
};
const client = createDarkroomClient({
  baseUrl,
  token: () => session.token() ?? undefined,
  fetch: fetchOfSession,
});

// Not by the address: that says which view is there.
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
begin();

/** What was there is over. */
function end(): void {
  ended.abort();
  ended = new AbortController();
  fill(menu);
  fill(account);
}

/** From the beginning, with whatever token there is now. */
function begin(): void {
  end();
  connect(ended.signal).catch((error: unknown) => {
    if (!ended.signal.aborted)
      fill(main, el('p', { class: 'panel problem', role: 'alert' }, problemText(error)));
  });
}

function askForToken(reason: string, goOn: (() => void) | null): void {
  const signIn = (token: string): void => {
    session.signIn(token);
    begin();
  };
  showSignIn(main, reason, signIn, goOn);
}

/** Whether nobody in particular may look is known by looking. */
async function connect(signal: AbortSignal): Promise<void> {
  fill(main, el('p', { class: 'panel', role: 'status' }, 'Connecting …'));
  for (;;) {
    try {
      await client.historyPage({ limit: 1 }, { signal, retryForMs: 0 });
      const choices = await loadChoices(client, signal);
      return open(choices, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof DarkroomError && error.status === 401) {
        return askForToken('This Darkroom makes images for those who sign in.', null);
      }
      const text = `${problemText(error)} It is tried again every few seconds.`;
      fill(main, el('p', { class: 'panel problem', role: 'alert' }, text));
      await sleep(TRY_EVERY_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
  }
}

function open(choices: Awaited<ReturnType<typeof loadChoices>>, signal: AbortSignal): void {
  const isSignedIn = session.token() !== null;
  fill(account, isSignedIn ? signOutButton() : signInButton());
  const live = followImages(client, signal);
  const load = followLoad(client, signal);
  const draft = drafts.of(session.token());
  openWorkspace({ client, choices, live, load, notices, draft, isSignedIn, signal }, menu, main);
}

function signOutButton(): HTMLElement {
  const signOut = (): void => {
    session.signOut();
    drafts.forget();
    begin();
  };
  return el('button', { type: 'button', class: 'quiet', onclick: signOut }, 'Sign out');
}

function signInButton(): HTMLElement {
  const signIn = (): void => {
    end();
    askForToken('With a token you see your own images, and make some that are yours.', begin);
  };
  return el('button', { type: 'button', class: 'quiet', onclick: signIn }, 'Sign in');
}
