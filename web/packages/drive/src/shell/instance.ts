/** What this server allows: asked once for all pages. */
import { useEffect, useState } from 'react';
import { api } from '@labora/api';

export interface InstanceFacts {
  /** Shortest password in characters that the server takes. */
  passwordMinLength: number;
  /** Whether Markdown may load images from other sites. */
  externalImages: boolean;
}

/** What is true until the server has answered. */
const defaults: InstanceFacts = { passwordMinLength: 10, externalImages: true };
let asked: Promise<InstanceFacts> | null = null;

async function ask(): Promise<InstanceFacts> {
  const told = (await api.instance()) as { password_min_length?: number; external_images?: boolean };
  return {
    passwordMinLength: told.password_min_length ?? defaults.passwordMinLength,
    externalImages: told.external_images ?? defaults.externalImages,
  };
}

export function useInstance(): InstanceFacts {
  const [facts, setFacts] = useState(defaults);
  useEffect(() => {
    asked ??= ask();
    // Without an answer the next page asks again.
    asked.then(setFacts, () => (asked = null));
  }, []);
  return facts;
}
