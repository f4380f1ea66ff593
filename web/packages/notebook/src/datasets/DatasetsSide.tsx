import { lazy, Suspense } from 'react';
import { useController, useStore } from '../model/context';

const Panel = lazy(async () => ({ default: (await import('./DatasetsPanel')).DatasetsPanel }));

/** The panel of data sets, where it is open. */
export function DatasetsSide() {
  const shown = useStore(useController().ui.datasets);
  return (
    shown && (
      <Suspense>
        <Panel />
      </Suspense>
    )
  );
}
