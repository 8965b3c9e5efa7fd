import assert from 'node:assert/strict';
import { test } from 'node:test';

import { identity } from '../../../Sources/ThroughlineServer/Resources/page/identity.js';
import { mannersOf } from '../../../Sources/ThroughlineServer/Resources/page/manners.js';
import { initialsOf, peopleOf, typingOf } from '../../../Sources/ThroughlineServer/Resources/page/people-list.js';
import { orphanChoices, orphanPolicy } from '../../../Sources/ThroughlineServer/Resources/page/policies.js';
import { answerText, mayAnswer, outcomeOf, timeLeft } from '../../../Sources/ThroughlineServer/Resources/page/request-words.js';
import { accepts, countOpen, describeRun, runTree } from '../../../Sources/ThroughlineServer/Resources/page/run-tree.js';

const shape = (trees) => trees.map(({ run, below }) => [run.id, ...shape(below)]);

test('the trees of runs in which one is at work', () => {
  const run = (id, state, parent) => ({ id, agent: 'a', inputs: [], state, parent });
  const state = { runs: [run('old', 'completed'), run('r', 'waiting'), run('a', 'completed', 'r'), run('b', 'active', 'a'), run('c', 'cancelled', 'r')] };
  assert.deepEqual(shape(runTree(state)), [['r', ['a', ['b']], ['c']]]);
  assert.equal(countOpen(runTree(state)), 2);
});

test('a run says how it fares', () => {
  assert.equal(describeRun({ state: 'active' }, []), 'at work');
  assert.equal(describeRun({ state: 'active', progress: { text: 'page 3 of 8' } }, []), 'page 3 of 8');
  assert.equal(describeRun({ state: 'active', usage: { input_tokens: 900, output_tokens: 120 } }, []), 'at work, 1,020 tokens');
  assert.equal(describeRun({ state: 'active', usage: { cost: 2 } }, []), 'at work');
  assert.equal(describeRun({ state: 'active' }, [{ verb: 'steer' }, { verb: 'pause' }]), 'pausing…');
  assert.equal(describeRun({ state: 'waiting', waiting: 'paused' }, []), 'paused');
  assert.equal(describeRun({ state: 'waiting', waiting: 'rate limit' }, []), 'waits: rate limit');
  assert.equal(describeRun({ state: 'lost' }, [{ verb: 'pause' }]), 'lost');
  assert.deepEqual([accepts({}, 'pause'), accepts({ accepts: ['steer'] }, 'pause')], [true, false]);
});

test('people are put together from their devices', () => {
  const here = peopleOf([
    { id: 'ada', role: 'user', device: 'laptop' }, { id: 'ada', role: 'user', device: 'phone', typing: true }, { id: 'bob', role: 'user', typing: true },
    { id: 'bot', role: 'agent', run: 'r', health: 'good' },
  ]);
  assert.deepEqual(here.people.map(({ id, devices, isTyping }) => [id, devices.length, isTyping]), [['ada', 2, true], ['bob', 0, true]]);
  assert.deepEqual(here.agents.map(({ id }) => id), ['bot']);
  assert.equal(typingOf(here, 'ada'), 'bob is typing…');
  assert.equal(typingOf(here, 'eve'), 'ada and bob are typing…');
  assert.deepEqual(['Ada Lovelace', 'olga', '👩‍🚀', '--'].map(initialsOf), ['AL', 'O', '👩', '?']);
});

test('a request says who may answer it, and how it ended', () => {
  const who = { roles: ['operator'], participants: ['ada'] };
  assert.deepEqual(['user', 'operator', 'observer'].map((role) => mayAnswer({ who }, { id: 'eve', role })), [false, true, false]);
  assert.equal(mayAnswer({ who }, { id: 'ada', role: 'user' }), true);
  const choice = { kind: 'choice', choices: ['a', { id: 'b', label: 'The second' }] };
  assert.deepEqual([answerText(choice, 'b'), answerText(choice, 'a'), answerText({ kind: 'approval' }, false)], ['The second', 'a', 'No']);
  const by = { id: 'bob', device: 'phone' };
  assert.equal(outcomeOf({ kind: 'approval', state: 'resolved', answer: { value: true, by } }), 'bob (phone) answered: Yes');
  assert.equal(outcomeOf({ kind: 'approval', state: 'expired', answer: { value: false } }), 'Nobody answered in time: No');
  assert.match(outcomeOf({ state: 'withdrawn', reason: 'run_cancelled' }), /stopped/);
  assert.deepEqual([timeLeft(65_000, 0), timeLeft(0, 1), timeLeft(7_200_000, 0)], ['1:05 left', 'time is up', '']);
});

test('what a message may mean depends on who is at work and who writes', () => {
  const state = (more) => ({ runs: [], session: { policies: {} }, ...more });
  const active = { runs: [{ id: 'r', state: 'active' }] };
  assert.deepEqual(mannersOf(state(), { role: 'user' }), []);
  assert.equal(mannersOf(state(active), { role: 'user' })[0].followUp, undefined);
  assert.equal(mannersOf(state({ ...active, session: { policies: { followUp: 'steer' } } }), { role: 'user' })[0].value, 'steer');
  assert.equal(mannersOf(state(active), { role: 'user' }), mannersOf(state(active), { role: 'user' }));
  assert.equal(mannersOf(state(), { role: 'operator' })[0].says, undefined);
  assert.equal(mannersOf(state({ baton: {} }), { role: 'operator' })[0].says, true);
});

test('the address says who we are, as the header does', () => {
  assert.deepEqual(identity('olga; role=operator; device=desk'), { id: 'olga', role: 'operator', device: 'desk' });
  assert.equal(identity('ada').role, 'user');
  assert.equal(identity('mallory; role=system').role, 'user');
});

test('the times after which agents stop have the one in force among them', () => {
  assert.deepEqual(orphanChoices().map(({ label }) => label).slice(0, 2), ['Agents go on', 'Agents stop after 1 minute']);
  const labels = orphanChoices({ then: 'cancel', after: 90_000 }).map(({ label }) => label);
  assert.deepEqual(labels, ['Agents go on', ...['1 minute', '90 seconds', '5 minutes', '15 minutes', '1 hour'].map((time) => `Agents stop after ${time}`)]);
  assert.equal(orphanChoices({ then: 'cancel', after: 60_000 }).length, orphanChoices().length);
  assert.deepEqual([orphanPolicy(''), orphanPolicy('60000')], [{ then: 'continue' }, { then: 'cancel', after: 60_000 }]);
});
