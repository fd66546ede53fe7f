import { el, fill } from './dom.ts';

/** Asks for a token or an API key. `reason` says why it is needed; `goOn` is what there is without one. */
export function showSignIn(
  place: HTMLElement,
  reason: string,
  onToken: (token: string) => void,
  goOn: (() => void) | null,
): void {
  const problem = el('p', { id: 'token-problem', class: 'problem', role: 'alert' });
  const input = el('input', {
    id: 'token',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
    'aria-describedby': 'token-hint token-problem',
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const token = input.value.trim().replace(/^Bearer\s+/i, '');
    // What cannot be sent in a header would only fail there, without a word that helps.
    if (/^[\x21-\x7e]+$/.test(token)) {
      onToken(token);
      return;
    }
    fill(
      problem,
      token === '' ? 'Paste a token first.' : 'This is no token: it has spaces or other characters.',
    );
    input.setAttribute('aria-invalid', 'true');
    input.focus();
  };
  fill(
    place,
    el(
      'form',
      { class: 'panel sign-in', novalidate: true, onsubmit: submit },
      el('h1', {}, 'Sign in'),
      el('p', {}, reason),
      el('label', { for: 'token' }, 'Access token or API key'),
      input,
      el(
        'p',
        { id: 'token-hint', class: 'hint' },
        'A Supabase access token, or a key that begins with dk_. It stays in this tab and is forgotten when you close it.',
      ),
      problem,
      el('button', { class: 'primary' }, 'Sign in'),
      goOn && el('button', { type: 'button', onclick: goOn }, 'Go on without'),
    ),
  );
  input.focus();
}
