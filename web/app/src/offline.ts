/** Lets the browser open the app without the server: registers the worker that keeps its files. */

interface Policy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy;
}

const WORKER = '/sw.js';
/** The worker fetches the whole app, formulas and every page: until somebody has had time to run a cell, it waits. */
const AT_REST_MS = 10_000;

export function keepAppForOffline(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const factory = (window as { trustedTypes?: TrustedTypes }).trustedTypes;
  // The only script address that the page's content policy lets code name.
  const policy = factory?.createPolicy('app', { createScriptURL: () => WORKER });
  const address = policy?.createScriptURL(WORKER) ?? WORKER;
  const register = () => {
    // Private windows may have no workers: the app then needs its server, as any page does. Where only the network is
    // away, its return is another chance.
    navigator.serviceWorker
      .register(address, { scope: '/', updateViaCache: 'none' })
      .catch(() => addEventListener('online', register, { once: true }));
  };
  addEventListener('load', () => setTimeout(register, AT_REST_MS));
}
