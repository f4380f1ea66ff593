// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { loginAddress } from './login';

test('signing in leads back to the place and the search of the page', () => {
  history.replaceState(null, '', '/drive/abc?view=1#comment=xyz');
  expect(loginAddress()).toBe('/login?next=%2Fdrive%2Fabc%3Fview%3D1%23comment%3Dxyz');
  history.replaceState(null, '', '/');
  expect(loginAddress()).toBe('/login');
});
