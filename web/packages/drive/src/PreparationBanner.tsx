import { useEffect, useState } from 'react';
import { type Image, api } from '@labora/api';
import { Banner, Progress, t } from '@labora/ui';

const EVERY = 2000;

/** Tells that the environment in which notebooks run is still being prepared, and how far that is. */
export function PreparationBanner() {
  const [images, setImages] = useState<Image[]>([]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    async function poll() {
      let open = true;
      try {
        const found = await api.images();
        if (ended) return;
        setImages(found);
        open = found.some((image) => image.status === 'preparing' || image.status === 'missing');
      } catch {
        // The list of files tells when the server is away; here the next question may succeed.
      }
      if (open && !ended) timer = setTimeout(() => void poll(), EVERY);
    }
    void poll();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, []);
  const failed = images.find((image) => image.status === 'failed');
  const preparing = images.find((image) => image.status === 'preparing');
  if (preparing) {
    const fraction = preparing.progress?.fraction ?? null;
    return (
      <div className="preparation">
        <Banner kind="info" title={t('images.preparing.title')}>
          <p>{t('images.preparing.text')}</p>
          <div className="preparation-progress">
            <Progress value={fraction} label={preparing.progress?.label ?? t('images.preparing.title')} />
            <span className="ui-truncate">{preparing.progress?.label}</span>
          </div>
        </Banner>
      </div>
    );
  }
  if (!failed) return null;
  return (
    <div className="preparation">
      <Banner kind="error" title={t('images.failed.title')}>
        {failed.message ?? t('images.failed.text')}
      </Banner>
    </div>
  );
}
