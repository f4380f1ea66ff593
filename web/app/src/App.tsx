import { Suspense } from 'react';
import { usePath } from '@labora/ui';
import { pageFor } from './routes';

export function App() {
  return <Suspense fallback={null}>{pageFor(usePath())}</Suspense>;
}
