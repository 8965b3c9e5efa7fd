import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  activeRuns, apply, emptyState, find, findPart, followedInputs, fromSnapshot, isFollowedRun, pendingCommands, queuedInputs, standingMessages,
} from '../src/state.js';
import { seeded } from './support/machine.js';
import { snapshot } from './support/server.js';

const SCRIPTS = ['Hello ', 'Grüße, ', '你好。', '👩🏽‍🚀', '\u{1f600}\u{1f601}', '\n', 'e\u0301', '```js\nlet a;\n```'];

/** A session's log with several parts growing at once, in all kinds of text. */
function transcript(random) {
  const events = [];
  const add = (type, fields) => events.push({ seq: events.length + 1, at: events.length * 10, by: { id: 'a', role: 'agent' }, type, ...fields });
  add('session.created', { session: { id: 's', title: null, metadata: {}, policies: {}, state: 'open' } });
  for (let turn = 0; turn < 3; turn++) {
    add('input.added', { input: { id: `i${turn}`, parts: [{ kind: 'text', text: 'hi' }] } });
    add('run.started', { run: { id: `r${turn}`, agent: 'a', inputs: [`i${turn}`], epoch: 1, lease: { milliseconds: 1 } } });
    add('message.started', { message: { id: `m${turn}`, run: `r${turn}`, role: 'assistant' } });
    const lengths = [0, 1, 2].map((part) => {
      add('part.started', { part: { id: `p${turn}.${part}`, message: `m${turn}`, kind: 'text' } });
      return 0;
    });
    for (let count = Math.floor(random() * 30); count > 0; count--) {
      const part = Math.floor(random() * 3);
      const text = SCRIPTS[Math.floor(random() * SCRIPTS.length)];
      events.push({ seq: events.length + 1, at: 1, run: `r${turn}`, type: 'part.appended', part: { id: `p${turn}.${part}`, offset: lengths[part], text } });
      lengths[part] += Buffer.byteLength(text);
    }
    const [reason, status] = [['completed', 'complete'], ['cancelled', 'cancelled'], ['lost', 'interrupted']][turn];
    for (const part of [0, 1, 2]) add('part.ended', { part: { id: `p${turn}.${part}`, status } });
    add('message.ended', { message: { id: `m${turn}`, status } });
    add('run.ended', { run: { id: `r${turn}`, reason, usage: { total: turn } } });
  }
  add('session.updated', { session: { id: 's', title: 'T', metadata: {}, policies: {}, state: 'open' } });
  add('request.opened', { request: { id: 'q', run: 'r2', kind: 'text', prompt: '?', deadline: 9, default: 'x', who: { roles: ['user'] } } });
  add('request.opened', { request: { id: 'q', run: 'r2', kind: 'text', prompt: 'Name?', deadline: 9, who: { roles: ['user'] } } });
  add('request.opened', { request: { id: 'w', run: 'r2', kind: 'text', prompt: '?', deadline: 9, who: { roles: ['user'] } } });
  add('request.resolved', { request: { id: 'q', answer: { id: 'a', value: 'Ada' } } });
  add('request.withdrawn', { request: { id: 'w', reason: 'run_lost' } });
  add('command.requested', { command: { id: 'c', verb: 'cancel', target: { all: true } } });
  add('command.rejected', { command: { id: 'c', reason: 'nothing_active' } });
  return events;
}

/** Consecutive appends as the server merges them for a reader that lags: one entry a part. */
function merge(events) {
  const parts = new Map();
  for (const { part } of events) {
    const earlier = parts.get(part.id);
    if (earlier) earlier.text += part.text;
    else parts.set(part.id, { ...part });
  }
  return { type: 'part.appended', from: events[0].seq, seq: events.at(-1).seq, at: events.at(-1).at, parts: [...parts.values()] };
}

/** What a reader gets that holds everything up to `seq`, in frames of any size, merged and repeated at will. */
function deliveries(events, seq, random) {
  const frames = [];
  for (let next = seq; next < events.length;) {
    const isAppend = events[next].type === 'part.appended';
    let end = next + 1;
    while (isAppend && end < events.length && events[end].type === 'part.appended' && random() < 0.8) end++;
    let start = next; // A merged append may begin before what the reader lacks.
    while (isAppend && start > 0 && events[start - 1].type === 'part.appended' && random() < 0.3) start--;
    const piece = isAppend && random() < 0.7 ? [merge(events.slice(start, end))] : events.slice(start, end);
    if (random() < 0.2) frames.push(piece);
    frames.push(piece);
    next = end;
  }
  return frames;
}

const plain = (state) => snapshot(state);

test('any snapshot, any merging and any repetition end in the same state', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const events = transcript(random);
    const whole = apply(emptyState(), events);
    assert.equal(whole.gap, null);
    const cut = Math.floor(random() * events.length);
    const before = apply(emptyState(), events.slice(0, cut)).state;
    let state = cut && random() < 0.7 ? fromSnapshot(snapshot(before)) : before;
    for (const frame of deliveries(events, cut, random)) {
      const result = apply(state, frame);
      assert.equal(result.gap, null, `seed ${seed}`);
      state = result.state;
    }
    assert.deepEqual(plain(state), plain(whole.state), `seed ${seed}, cut at ${cut}`);
    for (const part of state.messages.flatMap((message) => message.parts)) {
      assert.equal(part.bytes, Buffer.byteLength(part.text), `seed ${seed}`);
    }
  }
});

test('an event that comes again changes nothing, however old', () => {
  const events = transcript(seeded(3));
  const { state } = apply(emptyState(), events);
  for (const event of events) {
    const again = apply(state, [event]);
    assert.deepEqual([again.changes, again.gap], [[], null]);
    assert.deepEqual(plain(again.state), plain(state), event.type);
  }
});

test('a missing event is a gap, and what came before it is kept', () => {
  const events = transcript(seeded(7));
  for (let missing = 0; missing < events.length - 1; missing++) {
    const { gap, state } = apply(emptyState(), events.toSpliced?.(missing, 1) ?? events.filter((_, index) => index !== missing));
    assert.ok(gap, `without ${missing + 1}`);
    assert.equal(state.seq, missing);
  }
});

const begun = () => apply(emptyState(), [
  { seq: 1, at: 1, type: 'session.created', session: { id: 's', title: null } },
  { seq: 2, at: 1, type: 'message.started', message: { id: 'm', role: 'assistant', run: 'r' } },
  { seq: 3, at: 1, type: 'part.started', part: { id: 'p', message: 'm', kind: 'text' } },
  { seq: 4, at: 1, type: 'part.appended', part: { id: 'p', offset: 0, text: 'a😀' } },
]).state;

test('bytes already held are dropped, counted in UTF-8', () => {
  const { state } = apply(begun(), [{ seq: 5, at: 1, type: 'part.appended', part: { id: 'p', offset: 1, text: '😀é!' } }]);
  assert.equal(findPart(state, 'p').text, 'a😀é!');
  assert.equal(findPart(state, 'p').bytes, 8);
});

test('text that begins past the end is a gap', () => {
  assert.match(apply(begun(), [{ seq: 5, at: 1, type: 'part.appended', part: { id: 'p', offset: 6, text: 'x' } }]).gap, /holds 5 bytes/);
});

test('text that would split a character is a gap', () => {
  assert.match(apply(begun(), [{ seq: 5, at: 1, type: 'part.appended', part: { id: 'p', offset: 4, text: 'éx' } }]).gap, /inside a character/);
});

test('a merged append that begins too late is a gap', () => {
  assert.ok(apply(begun(), [{ from: 6, seq: 9, at: 1, type: 'part.appended', parts: [{ id: 'p', offset: 5, text: 'x' }] }]).gap);
});

test('an earlier state is left as it was', () => {
  const before = begun();
  const copy = plain(before);
  const { state } = apply(before, [
    { seq: 5, at: 2, type: 'part.appended', part: { id: 'p', offset: 5, text: '!' } },
    { seq: 6, at: 2, type: 'message.ended', message: { id: 'm', status: 'interrupted' } },
  ]);
  assert.deepEqual(plain(before), copy);
  assert.equal(find(before, 'messages', 'm').status, 'streaming');
  assert.equal(find(state, 'messages', 'm').status, 'interrupted');
  assert.equal(findPart(state, 'p').status, 'interrupted', 'a message takes its open parts along');
  assert.equal(state.inputs, before.inputs, 'what did not change is shared');
});

test('changes name each changed thing once, and say when only text grew', () => {
  const { changes } = apply(begun(), [
    { seq: 5, at: 2, type: 'part.appended', part: { id: 'p', offset: 5, text: '!' } },
    { seq: 6, at: 2, type: 'part.appended', part: { id: 'p', offset: 6, text: '!' } },
  ]);
  assert.deepEqual(changes, [{ kind: 'part', id: 'p', message: 'm', appended: true }]);
  const ended = apply(begun(), [
    { seq: 5, at: 2, type: 'part.appended', part: { id: 'p', offset: 5, text: '!' } },
    { seq: 6, at: 2, type: 'part.ended', part: { id: 'p', status: 'complete' } },
  ]);
  assert.deepEqual(ended.changes, [{ kind: 'part', id: 'p', message: 'm', appended: false }]);
});

test('a run that ends takes its inputs and open messages along', () => {
  for (const [reason, input, message] of [
    ['completed', 'answered', 'complete'], ['failed', 'unanswered', 'interrupted'],
    ['lost', 'unanswered', 'interrupted'], ['cancelled', 'cancelled', 'cancelled'],
  ]) {
    const { state } = apply(emptyState(), [
      { seq: 1, at: 1, type: 'session.created', session: { id: 's' } },
      { seq: 2, at: 1, type: 'input.added', input: { id: 'i', parts: [] } },
      { seq: 3, at: 1, type: 'run.started', run: { id: 'r', agent: 'a', inputs: ['i'], epoch: 1 } },
      { seq: 4, at: 1, type: 'message.started', message: { id: 'm', run: 'r', role: 'assistant' } },
      { seq: 5, at: 9, type: 'run.ended', run: { id: 'r', reason, error: { code: 'x', message: 'y' } } },
    ]);
    assert.equal(find(state, 'inputs', 'i').state, input);
    assert.equal(find(state, 'inputs', 'i').run, 'r');
    assert.equal(find(state, 'messages', 'm').status, message);
    assert.deepEqual([find(state, 'runs', 'r').ended, find(state, 'runs', 'r').error.code], [9, 'x']);
  }
});

test('a run that is handed on stays one run, in its place', () => {
  const events = [
    { seq: 1, at: 1, type: 'session.created', session: { id: 's' } },
    { seq: 2, at: 1, type: 'input.added', input: { id: 'i', parts: [] } },
    { seq: 3, at: 2, type: 'run.started', run: { id: 'r', agent: 'a', inputs: ['i'], epoch: 1, attempts: 3 } },
    { seq: 4, at: 3, type: 'run.queued', run: { id: 'r', attempt: 2, notBefore: 1003 } },
    { seq: 5, at: 1003, type: 'run.started', run: { id: 'r', agent: 'a', inputs: ['i'], epoch: 2, attempt: 2, attempts: 3, lease: {} } },
  ];
  const queued = apply(emptyState(), events.slice(0, 4)).state;
  assert.equal(queued.runs[0].state, 'queued');
  assert.equal(find(queued, 'inputs', 'i').state, 'claimed');
  const { state } = apply(queued, events.slice(4));
  assert.deepEqual(state.runs, [{
    id: 'r', agent: 'a', inputs: ['i'], epoch: 2, attempt: 2, attempts: 3, seq: 3, at: 2, state: 'active',
  }]);
});

test('a step that is begun again supersedes what it said, and a run taken on all that was not finished', () => {
  const said = (state) => Object.fromEntries(state.messages.map(({ id, superseded }) => [id, superseded ?? false]));
  const message = (seq, id, step) => [
    { seq, at: 1, type: 'message.started', message: { id, run: 'r', role: 'assistant', ...(step && { step }) } },
    { seq: seq + 1, at: 1, type: 'message.ended', message: { id, status: 'complete' } },
  ];
  let { state } = apply(emptyState(), [
    { seq: 1, at: 1, type: 'session.created', session: { id: 's' } },
    { seq: 2, at: 1, type: 'input.added', input: { id: 'i', parts: [] } },
    { seq: 3, at: 1, type: 'run.started', run: { id: 'r', agent: 'a', inputs: ['i'], epoch: 1, attempts: 3 } },
    ...message(4, 'loose'),
    { seq: 6, at: 1, type: 'step.started', step: { id: 'a', run: 'r', attempt: 1 } },
    ...message(7, 'a1', 'a'),
    { seq: 9, at: 1, type: 'step.started', step: { id: 'a', run: 'r', attempt: 2 } },
    ...message(10, 'a2', 'a'),
    { seq: 12, at: 1, type: 'step.ended', step: { id: 'a', run: 'r', status: 'complete' } },
    { seq: 13, at: 1, type: 'step.started', step: { id: 'b', run: 'r', attempt: 1, label: 'B' } },
    ...message(14, 'b1', 'b'),
  ]);
  assert.deepEqual(said(state), { loose: false, a1: true, a2: false, b1: false });
  ({ state } = apply(state, [
    { seq: 16, at: 1, type: 'step.ended', step: { id: 'b', run: 'r', status: 'interrupted' } },
    { seq: 17, at: 2, type: 'run.queued', run: { id: 'r', attempt: 2, notBefore: 3 } },
  ]));
  assert.deepEqual(standingMessages(state).map(({ id }) => id), ['loose', 'a2', 'b1']);
  ({ state } = apply(state, [
    { seq: 18, at: 3, type: 'run.started', run: { id: 'r', agent: 'a', inputs: ['i'], epoch: 2, attempt: 2, attempts: 3 } },
  ]));
  assert.deepEqual(standingMessages(state).map(({ id }) => id), ['a2']);
  assert.deepEqual(state.runs[0].steps, [
    { id: 'a', attempt: 2, status: 'complete' }, { id: 'b', attempt: 1, label: 'B', status: 'interrupted' },
  ]);
  assert.deepEqual(fromSnapshot({ ...state, requests: [] }).messages, state.messages);
});

test('the conversation follows one of the inputs that stand beside each other', () => {
  const input = (seq, id, more = {}) => ({ seq, at: 1, type: 'input.added', input: { id, parts: [], ...more } });
  let { state } = apply(emptyState(), [
    { seq: 1, at: 1, type: 'session.created', session: { id: 's' } },
    input(2, 'a'), input(3, 'b'), input(4, 'a2', { replaces: 'a' }), input(5, 'c'),
  ]);
  const followed = () => [...followedInputs(state)].sort();
  assert.deepEqual(followed(), ['a2', 'c'], 'b followed the first a');
  assert.deepEqual(state.branches, [{ siblings: ['a', 'a2'], selected: 'a2' }]);
  ({ state } = apply(state, [{ seq: 6, at: 1, type: 'branch.switched', branch: { input: 'a' } }, input(7, 'd', { after: 'b' })]));
  assert.deepEqual(followed(), ['a', 'b', 'd']);
  ({ state } = apply(state, [input(8, 'b2', { replaces: 'b', regenerates: true })]));
  assert.deepEqual(followed(), ['a', 'b2']);
  ({ state } = apply(state, [{ seq: 9, at: 1, type: 'input.withdrawn', input: { id: 'b2' } }]));
  assert.deepEqual(followed(), ['a', 'b', 'd'], 'the edit is gone');
  assert.deepEqual(fromSnapshot({ ...state, requests: [] }).branches, state.branches);
  assert.equal(followedInputs(emptyState()), null);
  const run = (inputs, parent) => ({ inputs, parent });
  assert.deepEqual([run(['a']), run(['c']), run([])].map((one) => isFollowedRun(state, followedInputs(state), one)), [true, false, true]);
});

test('an event of a later version counts and changes nothing', () => {
  const { state, gap, changes } = apply(begun(), [{ seq: 5, at: 2, type: 'moon.rose', moon: 1 }]);
  assert.deepEqual([state.seq, gap, changes], [5, null, []]);
});

test('what is withheld leaves no gap', () => {
  const before = apply(emptyState(), transcript(seeded(1)).slice(0, 3)).state;
  const { state, gap } = apply(before, [{ type: 'withheld', from: 4, seq: 9 }, { type: 'message.started', seq: 10, at: 1, by: {}, message: { id: 'n' } }]);
  assert.deepEqual([gap, state.seq, state.messages.length], [null, 10, 1]);
});

test('a request that is opened again keeps its place and nothing of what it was', () => {
  const { state } = apply(emptyState(), transcript(seeded(1)));
  const request = find(state, 'requests', 'q');
  assert.deepEqual([request.prompt, request.default, request.state, request.answer.value, request.answer.by.id], ['Name?', undefined, 'resolved', 'Ada', 'a']);
  assert.deepEqual(state.requests.map(({ id, state }) => [id, state]), [['q', 'resolved'], ['w', 'withdrawn']]);
});

/** Events with their numbers. */
const numbered = (events) => events.map((event, index) => ({ seq: index + 1, at: index, by: { id: 'a', role: 'user' }, ...event }));
const input = (id, fields = {}) => ({ type: 'input.added', input: { id, parts: [], ...fields } });

test('the queue is in the order in which inputs are handed out', () => {
  const { state } = apply(emptyState(), numbered([
    { type: 'session.created', session: { id: 's' } },
    input('a'), input('b'), input('c', { before: 'a', followUp: 'interrupt' }), input('d'),
    { type: 'input.updated', input: { id: 'a', before: null } },
    { type: 'input.updated', input: { id: 'd', before: 'b', parts: [{ kind: 'text', text: 'x' }] } },
    { type: 'input.withdrawn', input: { id: 'c', reason: 'superseded' } },
  ]));
  assert.deepEqual(state.queue, ['d', 'b', 'a']);
  assert.deepEqual(queuedInputs(state).map(({ id }) => id), state.queue);
  assert.equal(find(state, 'inputs', 'c').reason, 'superseded');
  assert.equal(find(state, 'inputs', 'c').before, undefined);
  assert.equal(find(state, 'inputs', 'd').parts[0].text, 'x');
  assert.deepEqual(plain(apply(fromSnapshot(plain(state)), [
    { seq: 9, at: 9, type: 'run.started', run: { id: 'r', agent: 'a', inputs: ['d', 'b'], epoch: 1 } },
  ]).state).queue, ['a']);
});

test('a steer that was an input goes with the run, or back to the queue', () => {
  const begin = numbered([
    { type: 'session.created', session: { id: 's' } }, input('i'),
    { type: 'run.started', run: { id: 'r', agent: 'a', inputs: ['i'], epoch: 1 } }, input('more', { followUp: 'steer' }),
    { type: 'command.requested', command: { id: 'c', verb: 'steer', target: { run: 'r' }, input: 'more' } },
    { type: 'command.accepted', command: { id: 'c', run: 'r', expires: 9 } },
  ]);
  const { state } = apply(emptyState(), begin);
  assert.deepEqual([find(state, 'inputs', 'more').state, state.queue], ['steering', []]);
  assert.deepEqual(pendingCommands(state, 'r').map(({ id }) => id), ['c']);
  const later = apply(state, [{ seq: 7, at: 7, type: 'command.deferred', command: { id: 'c', outcome: 'deferred', expires: 99 } }]).state;
  assert.deepEqual([find(later, 'commands', 'c').state, find(later, 'commands', 'c').expires], ['accepted', 99]);
  const taken = apply(later, [{ seq: 8, at: 8, type: 'command.applied', command: { id: 'c', outcome: 'consumed' } }]).state;
  assert.deepEqual(find(taken, 'runs', 'r').inputs, ['i', 'more']);
  assert.equal(find(taken, 'inputs', 'more').state, 'claimed');
  const left = apply(later, [{ seq: 8, at: 8, type: 'command.expired', command: { id: 'c', reason: 'run_ended' } }]).state;
  assert.deepEqual([find(left, 'inputs', 'more').state, find(left, 'inputs', 'more').run, left.queue], ['queued', undefined, ['more']]);
});

test('a run says what it is at, waits, and goes on', () => {
  const begin = numbered([
    { type: 'session.created', session: { id: 's' } },
    { type: 'run.started', run: { id: 'r', agent: 'a', inputs: [], epoch: 1, waitsForChildren: true } },
    { type: 'run.updated', run: { id: 'r', label: 'reading', progress: { fraction: 0.5 }, usage: { tokens: 7 } } },
    { type: 'run.waiting', run: { id: 'r', reason: 'paused', command: 'c' } },
  ]);
  const { state } = apply(emptyState(), begin);
  const run = find(state, 'runs', 'r');
  assert.deepEqual([run.label, run.progress, run.usage, run.state, run.waiting], ['reading', { fraction: 0.5 }, { tokens: 7 }, 'waiting', 'paused']);
  assert.equal(activeRuns(state).length, 1);
  const resumed = apply(state, [{ seq: 5, at: 5, type: 'run.resumed', run: { id: 'r' } }]).state;
  assert.deepEqual([find(resumed, 'runs', 'r').state, 'waiting' in find(resumed, 'runs', 'r')], ['active', false]);
});
