import { useEffect, useState } from 'react';
import type { KernelUse } from '@labora/document';
import { isSilent } from '@labora/ui';
import type { UsageNow } from '../model/usage';
import { useController, useRoom, useStatus, useStore } from '../model/context';

/** The meters of the runtime that this account has now. */
export function useUsage(): UsageNow | null {
  const controller = useController();
  const now = useStore(controller.usage.now);
  useStatus();
  const runtime = useRoom('runtimes', () => controller.runtime);
  return runtime?.status === 'ready' && now?.runtimeId === runtime.runtime_id ? now : null;
}

/** What this notebook's own kernel uses. */
export function useOwnKernel(): KernelUse | null {
  const { fileId } = useController();
  return useUsage()?.meter.kernels.find((kernel) => kernel.file_id === fileId) ?? null;
}

export const useSilent = (): boolean => isSilent(useOwnKernel());

/** Seconds until a moment of the server's clock, counted down while it is shown. */
export function useCountdown(at: string | null | undefined): number | null {
  const skew = useStatus().clockSkew;
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!at) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [at]);
  return at ? Math.max(0, Math.round((Date.parse(at) - now - skew) / 1000)) : null;
}
