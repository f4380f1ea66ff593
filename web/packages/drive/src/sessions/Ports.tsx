/** The web apps that listen on ports of a runtime, each with the way to it. */
import { useEffect, useState } from 'react';
import { api, type Port, type Runtime } from '@labora/api';
import { Icon, t } from '@labora/ui';

export function Ports({ runtime }: { runtime: Runtime }) {
  const [ports, setPorts] = useState<Port[]>([]);
  useEffect(() => {
    if (runtime.status !== 'ready') return;
    const control = new AbortController();
    // The list is looked at as often as the runtime itself, which is a new object each time.
    api.ports(runtime.id, control.signal).then(setPorts, () => undefined);
    return () => control.abort();
  }, [runtime]);
  if (ports.length === 0) return null;
  return (
    <>
      <h4>{t('sessions.ports.title')}</h4>
      <ul className="runtime-ports">
        {ports.map(({ port, process }) => (
          <li key={port}>
            <a
              className="runtime-port"
              href={`/port/${runtime.id}/${port}`}
              target="_blank"
              rel="noopener"
              title={t('sessions.ports.open', { port: String(port) })}
            >
              {t('sessions.ports.port', { port: String(port) })}
              {process && <span>{process}</span>}
              <Icon name="open_in_new" size={16} />
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
