import assert from 'node:assert/strict';
import { test } from 'node:test';

import { endOf, itemsOf, stopTargets, titleFrom } from '../../../Sources/ThroughlineServer/Resources/page/items.js';
import { apply, emptyState } from '../src/state.js';

const state = (...events) => apply(emptyState(), [{ type: 'session.created', session: { id: 's' } }, ...events]
  .map((event, index) => ({ seq: index + 1, at: 1, by: { id: 'a', role: 'user' }, ...event }))).state;

const input = (id) => ({ type: 'input.added', input: { id, parts: [{ kind: 'text', text: id }] } });
const run = (id, inputs, more = {}) => ({ type: 'run.started', run: { id, agent: 'a', inputs, epoch: 1, ...more } });
const message = (id, of) => ({ type: 'message.started', message: { id, run: of, role: 'assistant' } });
const keys = (of, pending = []) => itemsOf(of, pending).map((item) => item.key);

test('each answer follows its question, and what waits stands last', () => {
  const asked = state(input('i1'), run('r1', ['i1']), message('m1', 'r1'), input('i2'), message('m1b', 'r1'));
  assert.deepEqual(keys(asked, [{ id: 'i3' }]), ['input i1', 'message m1', 'message m1b', 'input i2', 'input i3']);
  const answered = state(input('i1'), run('r1', ['i1']), message('m1', 'r1'), input('i2'), message('m1b', 'r1'),
    { type: 'run.ended', run: { id: 'r1', reason: 'completed' } }, run('r2', ['i2']), message('m2', 'r2'));
  assert.deepEqual(keys(answered), ['input i1', 'message m1', 'message m1b', 'input i2', 'message m2']);
});

test('what a run takes along stands where it came', () => {
  const steered = state(input('i1'), run('r', ['i1']), message('m1', 'r'), input('i2'), { type: 'command.requested', command: { id: 'c', verb: 'steer', input: 'i2' } },
    { type: 'command.accepted', command: { id: 'c', run: 'r' } }, { type: 'command.applied', command: { id: 'c' } }, message('m2', 'r'));
  assert.deepEqual(keys(steered), ['input i1', 'message m1', 'input i2', 'message m2']);
});

test('that a person took over and handed back stays to be read', () => {
  const command = (id, verb, ...states) => ['requested', ...states].map((state) => ({ type: `command.${state}`, command: { id, ...(state === 'requested' && { verb, target: { all: true } }) } }));
  const taken = state(input('i'), ...command('c1', 'takeover', 'accepted', 'applied'), ...command('c2', 'takeover', 'rejected'), ...command('c3', 'handback', 'accepted', 'applied'), ...command('c4', 'cancel', 'accepted', 'applied'));
  assert.deepEqual(keys(taken), ['command c1', 'command c3', 'input i']);
});

test('a run is shown while it has said nothing, and when it ends so', () => {
  assert.deepEqual(keys(state(input('i'), run('r', ['i']))), ['input i', 'run r']);
  const ended = (reason) => state(input('i'), run('r', ['i']), { type: 'run.ended', run: { id: 'r', reason } });
  assert.deepEqual(keys(ended('lost')), ['input i', 'run r']);
  assert.deepEqual(keys(ended('completed')), ['input i']);
});

test('a stop takes every active run, without one the input that waits', () => {
  assert.deepEqual(stopTargets(state(input('i'), run('r1', ['i']), run('r2', [], { parent: 'r1' }), run('r3', []))), [{ run: 'r1' }, { run: 'r3' }]);
  assert.deepEqual(stopTargets(state(input('i1'), input('i2'))), [{ input: 'i2' }]);
  assert.deepEqual(stopTargets(state()), []);
});

test('an answer that is not whole says why', () => {
  assert.equal(endOf({ status: 'complete' }), null);
  assert.equal(endOf({ status: 'streaming' }), null);
  assert.equal(endOf({ status: 'cancelled' }).name, 'stopped');
  assert.match(endOf({ status: 'cancelled' }, { state: 'cancelled', error: { code: 'orphaned' } }).text, /nobody watched/);
  assert.equal(endOf({ status: 'interrupted' }, { state: 'lost' }).name, 'lost');
  assert.match(endOf({ status: 'interrupted' }, { state: 'failed', error: { message: 'it broke' } }).text, /it broke/);
  assert.equal(endOf({ status: 'interrupted' }).name, 'cut');
});

test('a title is a first line, cut at a word', () => {
  assert.equal(titleFrom('  Hello   there\nmore'), 'Hello there');
  assert.equal(titleFrom('word '.repeat(30)), `${'word '.repeat(11).trim()}…`);
  assert.equal(titleFrom('👩'.repeat(100)), `${'👩'.repeat(56)}…`);
});
