import { expect, test } from 'vitest';
import type { Execution, RuntimeState } from '@labora/document';
import { endNews, isLong } from './notify';

const run = (change: Partial<Execution>): Execution => ({
  id: 'e',
  cell_id: 'c',
  account: { id: 'ada', name: 'Ada' },
  runtime_id: 'r',
  source_sha256: '',
  status: 'running',
  queued_at: '2026-01-01T10:00:00.000Z',
  started_at: '2026-01-01T10:00:00.000Z',
  finished_at: null,
  reason: null,
  execution_count: 1,
  ...change,
});

const runtime = (change: Partial<RuntimeState>): RuntimeState => ({
  runtime_id: 'r',
  account: { id: 'ada', name: 'Ada' },
  status: 'ready',
  kernel: 'idle',
  progress: null,
  reason: null,
  message: null,
  language: null,
  started_at: null,
  isolation: null,
  ...change,
});

test.each([
  ['a long run of one’s own', '10:00:30', 'ok', 'running', 'ada', true],
  ['a long run that failed', '10:05:00', 'error', 'running', 'ada', true],
  ['a short run', '10:00:29', 'ok', 'running', 'ada', false],
  ['a run of somebody else', '10:05:00', 'ok', 'running', 'bob', false],
  ['one that had ended before', '10:05:00', 'ok', 'ok', 'ada', false],
  ['one that never ran', null, 'aborted', 'queued', 'ada', false],
] as const)('%s', (_what, finished, status, was, me, told) => {
  const at = finished === null ? null : `2026-01-01T${finished}.000Z`;
  expect(isLong(run({ status, finished_at: at }), run({ status: was }), me)).toBe(told);
});

test.each([
  ['nothing new', runtime({}), runtime({}), null],
  ['a warning', runtime({ ends_at: '2026-01-01T10:05:00.000Z' }), runtime({}), 'ending'],
  ['a warning that stays', runtime({ ends_at: 'x' }), runtime({ ends_at: 'x' }), null],
  ['an end', runtime({ status: 'ended', reason: 'idle' }), runtime({ ends_at: 'x' }), 'ended'],
  ['an end at one’s own wish', runtime({ status: 'ended', reason: 'user' }), runtime({}), null],
  ['an end that was known when the page opened', runtime({ status: 'ended', reason: 'idle' }), null, null],
] as const)('%s', (_what, now, was, news) => {
  expect(endNews(now, was)).toBe(news);
});
