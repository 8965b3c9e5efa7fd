import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoff } from '../src/backoff.js';

test('the longest wait doubles up to the cap', () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 1000].map((attempt) => backoff(attempt, { random: () => 1 }));
  assert.deepEqual(longest, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
});

test('the wait is anywhere below the longest', () => {
  assert.equal(backoff(3, { random: () => 0 }), 0);
  assert.equal(backoff(3, { random: () => 0.25 }), 1000);
});

test('a floor is kept', () => {
  assert.equal(backoff(0, { random: () => 0, floor: 3000, base: 6000 }), 3000);
  assert.equal(backoff(0, { random: () => 1, floor: 3000, base: 6000 }), 6000);
});
