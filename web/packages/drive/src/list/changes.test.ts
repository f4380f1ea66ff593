import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { filesChanged, onFilesChanged, onFilesGone } from './changes';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('many changes ask once, and what is gone goes at once', () => {
  const asked = vi.fn();
  const gone: string[] = [];
  const off = [onFilesChanged(asked), onFilesGone((ids) => gone.push(...ids))];
  filesChanged(['a']);
  filesChanged();
  filesChanged(['b']);
  expect(gone).toEqual(['a', 'b']);
  expect(asked).not.toHaveBeenCalled();
  vi.runAllTimers();
  expect(asked).toHaveBeenCalledTimes(1);
  for (const stop of off) stop();
});

test('changes without a pause still ask now and then', () => {
  const asked = vi.fn();
  const off = onFilesChanged(asked);
  for (let at = 0; at < 50; at += 1) {
    filesChanged();
    vi.advanceTimersByTime(100);
  }
  expect(asked).toHaveBeenCalledTimes(2);
  off();
});
