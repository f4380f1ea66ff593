// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { OutputList } from '../src/core/output-list';
import type { ViewEnv } from '../src/core/types';

const notice = (id: string) => ({ id, output_type: 'labora_notice', code: 'test', message: id });

test('what stays is not moved, whatever programs put between the outputs or goes from among them', async () => {
  const root = document.createElement('div');
  const list = new OutputList(root, {} as ViewEnv);
  const shown = () => Array.from(root.children, (el) => el.textContent);
  const [a, b, c, other] = [notice('a'), notice('b'), notice('c'), { ...notice('b'), message: 'other' }];
  list.update([a, b]);
  root.prepend(Object.assign(document.createElement('p'), { textContent: 'before' }));
  root.append(Object.assign(document.createElement('p'), { textContent: 'after' }));
  const added: Node[] = [];
  const moves = new MutationObserver((records) => records.forEach((one) => added.push(...one.addedNodes)));
  moves.observe(root, { childList: true });
  list.update([a, b, c]);
  expect(shown()).toEqual(['before', 'a', 'b', 'after', 'c']);
  list.update([b, c]);
  expect(shown()).toEqual(['before', 'b', 'after', 'c']);
  await new Promise((resolve) => setTimeout(resolve));
  expect(added.map((node) => node.textContent)).toEqual(['c']);
  list.update([other, c]);
  expect(shown()).toEqual(['before', 'other', 'after', 'c']);
});
