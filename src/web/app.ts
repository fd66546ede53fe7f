import type { DarkroomClient } from '../client/client.ts';
import type { Choices } from './choices.ts';
import type { Draft } from './draft.ts';
import type { LiveImages } from './live-images.ts';
import type { LiveLoad } from './live-load.ts';
import type { Notices } from './notices.ts';

/** What every view works with, for as long as somebody is signed in. */
export type App = {
  client: DarkroomClient;
  choices: Choices;
  live: LiveImages;
  load: LiveLoad;
  notices: Notices;
  /** Of the form for a new image. */
  draft: Draft;
  /** Whether there is a token; without one the caller is nobody in particular. */
  isSignedIn: boolean;
  /** Aborts when the session ends. */
  signal: AbortSignal;
};

/**
 * One entry of the page's menu. A view is one module that makes this, and one line in views.ts.
 *
 * `open` fills `place`, and stops what it began when `signal` aborts: when the view is left, or the session ends. `query`
 * is what stands behind the view's name in the address: `#/images?batch_id=…`.
 */
export type View = {
  name: string;
  title: string;
  open(app: App, place: HTMLElement, query: URLSearchParams, signal: AbortSignal): void;
};
