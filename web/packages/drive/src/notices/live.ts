/** How much is unread: one socket a page that says so at once, shared by the bell and whoever wants news. */
import { useSyncExternalStore } from 'react';

const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

let unread = 0;
let socket: WebSocket | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let gap = FIRST_MS;
const shows = new Set<() => void>();
const news = new Set<() => void>();

export function setUnread(next: number): void {
  unread = next;
  for (const show of shows) show();
}

/** Calls back whenever the account was told something, or read it elsewhere. */
export function onNews(listener: () => void): () => void {
  news.add(listener);
  return () => news.delete(listener);
}

function connect(): void {
  clearTimeout(timer);
  if (socket || shows.size === 0 || !navigator.onLine) return;
  const made = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/v1/notifications/live`);
  socket = made;
  made.onmessage = (event: MessageEvent<string>) => {
    gap = FIRST_MS;
    setUnread((JSON.parse(event.data) as { unread: number }).unread);
    for (const listener of news) listener();
  };
  made.onclose = (event) => {
    if (socket !== made) return;
    socket = null;
    // Nobody is signed in: the next page starts it again.
    if (event.code === 4401) return;
    timer = setTimeout(connect, gap * (0.7 + Math.random() * 0.6));
    gap = Math.min(LONGEST_MS, gap * 2);
  };
}

function subscribe(show: () => void): () => void {
  shows.add(show);
  connect();
  addEventListener('online', connect);
  return () => {
    shows.delete(show);
    if (shows.size > 0) return;
    removeEventListener('online', connect);
    clearTimeout(timer);
    socket?.close();
    socket = null;
  };
}

/** The number of unread notices; whoever uses it keeps the socket open. */
export const useUnread = (): number => useSyncExternalStore(subscribe, () => unread);
