/** Lets the browser open the app without the server: registers the worker that keeps its files. */

interface Policy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy;
}

const WORKER = '/sw.js';

export function keepAppForOffline(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const factory = (window as { trustedTypes?: TrustedTypes }).trustedTypes;
  // The only script address that the page's content policy lets code name.
  const policy = factory?.createPolicy('app', { createScriptURL: () => WORKER });
  addEventListener('load', () => {
    const address = policy?.createScriptURL(WORKER) ?? WORKER;
    // Private windows may have no workers: the app then needs its server, as any page does.
    navigator.serviceWorker.register(address, { scope: '/', updateViaCache: 'none' }).catch(() => {});
  });
}
