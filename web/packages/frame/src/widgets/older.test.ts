import { describe, expect, test } from 'vitest';
import { modernise } from './older';

describe('state of ipywidgets 7', () => {
  test('is put in the words of 8', () => {
    expect(modernise({ description_tooltip: 'why', tooltip: null })).toMatchObject({ tooltip: 'why' });
    expect(modernise({ _playing: true, _repeat: false })).toMatchObject({ playing: true, repeat: false });
    expect(modernise({ _titles: { 0: 'one', 2: 'three' }, children: [1, 2, 3] })['titles']).toEqual([
      'one',
      '',
      'three',
    ]);
    expect(modernise({ border: '1px solid', border_left: null })).toMatchObject({
      border_top: '1px solid',
      border_left: '1px solid',
    });
    expect(modernise({ overflow_x: 'auto' })['overflow']).toBe('auto visible');
  });

  test('what 8 says stays as it is', () => {
    const state = { titles: ['a'], _titles: { 0: 'b' }, tooltip: 'x', description_tooltip: 'y', overflow: 'hidden' };
    expect(modernise(state)).toMatchObject({ titles: ['a'], tooltip: 'x', overflow: 'hidden' });
  });
});
