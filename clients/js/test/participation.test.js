import assert from 'node:assert/strict';
import { test } from 'node:test';

import { harness } from './support/harness.js';

const begun = async () => {
  const parts = harness();
  const session = parts.client.session('s', { create: true });
  await parts.clock.advance(0);
  return { ...parts, session };
};

const opened = (server, fields = {}) => server.append('s', [{
  type: 'request.opened', request: { id: 'q', run: 'r', kind: 'approval', prompt: 'Sure?', digest: 'd1', deadline: 1, who: { roles: ['user'] }, ...fields },
}]);

test('who is here is heard, and forgotten while nothing is read', async () => {
  const { server, session } = await begun();
  const heard = [];
  session.on('presence', (list) => heard.push(list.map(({ id }) => id)));
  assert.equal(server.received('attach')[0].presence, true);
  server.tell('s', { presence: [{ id: 'ada', role: 'user', since: 1 }] });
  assert.deepEqual(session.presence.map(({ id }) => id), ['ada']);
  server.drop();
  assert.deepEqual(session.presence, []);
  assert.deepEqual(heard, [['ada'], []]);
});

test('an answer names the digest that was shown, and is sent again under one id', async () => {
  const { server, clock, session } = await begun();
  opened(server);
  let lost = false;
  server.fault = ({ op }) => (op === 'answer' && !lost ? (lost = true, 'swallow') : null);
  const answered = session.answer('q', true, { note: 'go on' });
  await clock.advance(5_000);
  assert.equal((await answered).state, 'resolved');
  const sent = server.received('answer').map(({ request, answer }) => ({ request, ...answer }));
  assert.ok(sent.length >= 2);
  assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
  assert.deepEqual({ ...sent[0], id: '' }, { request: 'q', id: '', value: true, digest: 'd1', note: 'go on' });
});

test('who is second is told who was first', async () => {
  const { server, session } = await begun();
  opened(server);
  const request = { id: 'q', state: 'resolved', answer: { value: false, by: { id: 'bob', role: 'user' } } };
  server.fault = ({ op }) => (op === 'answer' ? { code: 'request_resolved', status: 409, request } : null);
  await assert.rejects(session.answer('q', true), (error) => error.code === 'request_resolved' && error.request.answer.by.id === 'bob');
});

test('that one types is told only while it is of use', async () => {
  const { server, clock, session } = await begun();
  session.typing();
  session.seen();
  server.drop();
  session.typing();
  await clock.advance(5_000);
  assert.deepEqual(server.received('presence').map(({ typing }) => typing), [true]);
  assert.deepEqual(server.received('read').map(({ seq }) => seq), [session.state.seq]);
});

test('an operator speaks and hands the baton on', async () => {
  const { server, session } = await begun();
  await session.say('I look into it.', { audience: 'agents', answers: ['i'] });
  await session.takeover();
  await session.handback('Done.');
  const [{ message }] = server.received('say');
  assert.deepEqual({ ...message, id: '' }, { id: '', parts: [{ kind: 'text', text: 'I look into it.' }], audience: 'agents', answers: ['i'] });
  assert.deepEqual(server.received('command').map(({ command }) => [command.verb, command.parts?.[0].text]), [['takeover', undefined], ['handback', 'Done.']]);
});

test('a fork begins as the session was when a run ended, or as it is', async () => {
  const { server, session } = await begun();
  server.append('s', ['r', 'other'].map((id) => ({ type: 'run.started', run: { id, agent: 'a', inputs: [], epoch: 1 } })));
  server.append('s', ['other', 'r'].map((id) => ({ type: 'run.ended', run: { id, reason: 'completed' } })));
  const end = server.session('s').state.seq;
  server.append('s', [{ type: 'input.added', input: { id: 'i', parts: [] } }]);
  const id = await session.fork({ after: 'r' });
  await session.fork({ title: 'Another way' });
  assert.deepEqual(server.received('fork').map(({ at, title }) => [at, title]), [[end, undefined], [end + 1, 'Another way']]);
  assert.equal(server.received('fork')[0].new, id);
});

test('what is not named of the policies stays', async () => {
  const { server, session } = await begun();
  await session.setPolicies({ followUp: 'steer' });
  assert.deepEqual(server.received('update').map(({ policies }) => policies), [{ followUp: 'steer' }]);
});
