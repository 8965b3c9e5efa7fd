import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GrowingMarkdown, parse, parseInline, safeAddress } from '../../../Sources/ThroughlineServer/Resources/page/markdown.js';
import { seeded } from './support/machine.js';

const bare = (blocks) => JSON.parse(JSON.stringify(blocks, (key, value) => (key === 'start' || key === 'end' || key === 'source' ? undefined : value)));
const show = (nodes) => nodes.map(({ type, text, href, children }) => (type === 'text' ? text
  : `<${type}${href ? ` ${href}` : ''}>${text ?? (children ? show(children) : '')}</>`)).join('');

test('the blocks that models write', () => {
  const text = '# Title #\n\nOne\ntwo\n\n- a\n- b\n  1. c\n\n> quoted\n\n---\n```js\nlet a;\n\n# no\n```\n| a | b |\n|:--|--:|\n| 1 | 2 \\| 3 |\n';
  assert.deepEqual(bare(parse(text)), [
    { type: 'heading', level: 1, text: 'Title' },
    { type: 'paragraph', text: 'One\ntwo' },
    { type: 'list', ordered: false, first: null, loose: false, items: [
      { blocks: [{ type: 'paragraph', text: 'a' }] },
      { blocks: [{ type: 'paragraph', text: 'b' }, { type: 'list', ordered: true, first: 1, loose: false, items: [{ blocks: [{ type: 'paragraph', text: 'c' }] }] }] },
    ] },
    { type: 'quote', blocks: [{ type: 'paragraph', text: 'quoted' }] },
    { type: 'rule' },
    { type: 'code', language: 'js', text: 'let a;\n\n# no', closed: true },
    { type: 'table', head: ['a', 'b'], align: ['left', 'right'], rows: [['1', '2 | 3']] },
  ]);
});

test('lists of several items, of several kinds, tight and loose', () => {
  const outline = (blocks) => blocks.map(({ type, items, loose, text }) => (items
    ? [loose ? 'loose' : 'tight', ...items.map((item) => outline(item.blocks))] : text ?? type));
  for (const [text, expected] of [
    ['1. a\n2. b\n3. c', [['tight', ['a'], ['b'], ['c']]]],
    ['1. a\n   - x\n   - y\n2. b', [['tight', ['a', ['tight', ['x'], ['y']]], ['b']]]],
    ['- a\n\n- b\n\nafter', [['loose', ['a'], ['b']], 'after']],
    ['- a\n  more\nlazy\n- b', [['tight', ['a\nmore\nlazy'], ['b']]]],
    ['- a\n* b', [['tight', ['a']], ['tight', ['b']]]],
    ['- a\n\n  ```\n  x\n  ```\n- b', [['loose', ['a', 'x'], ['b']]]],
    ['In 1999. Then\n1999. x', ['In 1999. Then\n1999. x']],
  ]) assert.deepEqual(outline(parse(text)), expected, text);
});

test('inline marks', () => {
  for (const [text, expected] of [
    ['a **b** *c* ~~d~~ `e*f*`', 'a <strong>b</> <em>c</> <del>d</> <code>e*f*</>'],
    ['***both***', '<strong><em>both</></>'],
    ['snake_case_name and 5 * 3 * 2', 'snake_case_name and 5 * 3 * 2'],
    ['[x](https://e.org/a_(b)) ok', '<link https://e.org/a_(b)>x</> ok'],
    ['see https://e.org/x. Then', 'see <link https://e.org/x>https://e.org/x</>. Then'],
    ['![cat](https://e.org/c.png)', '<link https://e.org/c.png>cat</>'],
    ['\\*no\\* **open', '*no* **open'],
    ['<script>alert(1)</script>', '<script>alert(1)</script>'],
    ['``a ` b``', '<code>a ` b</>'],
    ['x  \ny', 'x<break></>y'],
  ]) assert.equal(show(parseInline(text)), expected, text);
});

test('what is still open while it grows does not flicker', () => {
  for (const [text, expected] of [
    ['a **bo', 'a <strong>bo</>'], ['a **', 'a '], ['a `co', 'a <code>co</>'], ['a `', 'a '], ['see [x](https://e', 'see x'],
  ]) assert.equal(show(parseInline(text, { open: true })), expected, text);
});

test('only http, https and mailto are links', () => {
  for (const address of ['javascript:alert(1)', 'java\nscript:alert(1)', ' javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', '//e.org', '/local', 'blob:x', '']) {
    assert.equal(safeAddress(address), null, address);
    assert.ok(!show(parseInline(`[x](${address})`)).includes('<link'), address);
  }
  assert.equal(safeAddress('mailto:a@e.org'), 'mailto:a@e.org');
});

const PIECES = ['# h', '\n', '\n\n', '- a', '  - b', '1. x', '> q', '```', '```js\n', '| a | b |', '|---|---|', '| 1 | 2 |', '---', 'text ', '**b**', '`', ' ', '-', '* ', 'x', '    '];

test('a growing text ends in the same blocks as the whole', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seeded(seed);
    let text = '';
    const growing = new GrowingMarkdown();
    let held = [];
    for (let step = 0; step < 25; step++) {
      const piece = PIECES[Math.floor(random() * PIECES.length)];
      text += random() < 0.3 ? piece.slice(0, 1) : piece;
      const { blocks, settled } = growing.update(text);
      assert.deepEqual(bare(blocks), bare(parse(text)), `seed ${seed}: ${JSON.stringify(text)}`);
      assert.deepEqual(blocks.slice(0, settled), held.slice(0, settled));
      held = blocks;
    }
  }
});

test('hostile text costs no more than its length', () => {
  const size = 30_000;
  const hostile = ['[', '*a', '`', '``a`', '![', '<', '> ', '- ', '_a ', '~~a', '|', '# ', '(', '[a](', '\\', 'h', 'http://', ' #', '* * ', '[]('];
  for (const piece of hostile) {
    const text = piece.repeat(size / piece.length);
    const before = process.cpuUsage();
    for (const block of parse(text)) if (block.text) parseInline(block.text, { open: true });
    parseInline(text);
    const { user } = process.cpuUsage(before);
    assert.ok(user < 1_500_000, `${JSON.stringify(piece)} took ${user} µs`);
  }
});
