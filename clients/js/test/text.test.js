import assert from 'node:assert/strict';
import { test } from 'node:test';

import { byteLength, clip, dropBytes } from '../src/text.js';

const SAMPLES = ['', 'plain', 'Grüße', '你好', 'a👩🏽‍🚀b', '\u{10ffff}\u0000\uffff', 'e\u0301', '😀'.repeat(9)];

test('bytes are those of UTF-8', () => {
  for (const sample of SAMPLES) assert.equal(byteLength(sample), Buffer.byteLength(sample), sample);
});

test('dropping bytes cuts at characters and nowhere else', () => {
  for (const sample of SAMPLES) {
    const bytes = Buffer.from(sample);
    for (let count = 0; count <= bytes.length; count++) {
      const rest = dropBytes(sample, count);
      const inside = count < bytes.length && (bytes[count] & 0xc0) === 0x80;
      assert.equal(rest, inside ? null : bytes.subarray(count).toString(), `${sample} without ${count}`);
    }
  }
});

test('dropping more than there is leaves nothing', () => assert.equal(dropBytes('ab', 9), ''));

test('clipping keeps whole characters', () => {
  assert.equal(clip('ab👩c', 5), 'ab');
  assert.equal(clip('ab👩c', 6), 'ab👩');
  assert.equal(clip('ab', 6), 'ab');
});
