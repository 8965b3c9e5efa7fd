import assert from 'node:assert/strict';
import { test } from 'node:test';

import { append, beginMessage, harness, text } from './support/harness.js';
import { seeded } from './support/machine.js';

test('it begins with a snapshot and goes on live', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  append(server, 'Grüße, ');
  const session = client.session('s');
  const changes = [];
  session.on('change', (list) => changes.push(...list));
  await clock.advance(0);
  append(server, '你好');
  assert.equal(text(session), 'Grüße, 你好');
  assert.equal(session.status.name, 'live');
  assert.deepEqual(changes, [{ kind: 'snapshot', id: 's' }, { kind: 'part', id: 'p', message: 'm', appended: true }]);
  assert.equal(client.session('s'), session);
});

test('after a break it resumes from the event it holds', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  append(server, 'one ');
  server.drop();
  assert.equal(session.status.name, 'interrupted');
  append(server, 'two ');
  await clock.advance(1_000);
  assert.equal(text(session), 'one two ');
  assert.deepEqual(server.received('attach').map(({ after, from }) => after ?? from), ['snapshot', 5]);
  assert.deepEqual(session.counts, { gaps: 0, duplicates: 0 });
});

test('what arrives twice counts once', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  server.tamper = (frame) => (frame.events ? [frame, frame] : [frame]);
  append(server, 'a');
  append(server, 'b');
  assert.equal(text(session), 'ab');
  assert.deepEqual(session.counts, { gaps: 0, duplicates: 2 });
});

test('a gap is counted and mended from a snapshot', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  let lost = 0;
  server.tamper = (frame) => (frame.events && ++lost === 1 ? [] : [frame]);
  append(server, 'lost ');
  append(server, 'found ');
  assert.equal(session.counts.gaps, 1);
  assert.equal(text(session), '', 'nothing that does not follow on is shown');
  append(server, 'while away ');
  await clock.advance(100);
  append(server, 'after');
  assert.equal(text(session), 'lost found while away after');
  assert.equal(session.status.name, 'live');
  assert.deepEqual(server.received('attach').map(({ from }) => from), ['snapshot', 'snapshot']);
});

test('a stream that never fits is not asked for in a tight loop', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  server.tamper = (frame) => {
    if (frame.snapshot) setImmediate(() => append(server, 'x'));
    return frame.events ? [{ ...frame, events: frame.events.map((event) => ({ ...event, seq: event.seq + 5 })) }] : [frame];
  };
  append(server, 'x');
  await clock.advance(60_000);
  assert.ok(session.counts.gaps < 40, `${session.counts.gaps} times in a minute`);
});

test('a server that lost its tail is read anew', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  append(server, 'gone');
  server.drop();
  server.sessions.clear();
  beginMessage(server);
  await clock.advance(2_000);
  assert.equal(text(session), '');
  assert.equal(session.status.name, 'live');
  assert.equal(session.counts.gaps, 1);
});

test('however the connection breaks, the text is whole', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed);
    const { server, client, clock } = harness({ client: { random } });
    beginMessage(server);
    const session = client.session('s');
    const pieces = ['a', 'ü', '你', '😀', ' and ', '👩🏽‍🚀'];
    let expected = '';
    server.fault = () => (random() < 0.1 ? 'drop' : random() < 0.1 ? 'swallow' : null);
    server.tamper = (frame) => {
      if (!frame.events) return [frame];
      if (random() < 0.05) return [];
      if (random() < 0.1) return [frame, frame];
      return [frame];
    };
    for (let step = 0; step < 60; step++) {
      const piece = pieces[Math.floor(random() * pieces.length)];
      expected += piece;
      append(server, piece);
      if (random() < 0.1) server.drop();
      await clock.advance(random() * 400);
    }
    server.fault = () => null;
    server.tamper = (frame) => [frame];
    await clock.advance(60_000);
    expected += '.';
    append(server, '.');
    await clock.advance(60_000);
    assert.equal(text(session), expected, `seed ${seed}`);
  }
});

test('a session that is not there is missing, one that was erased is over', async () => {
  const { server, client, clock } = harness();
  const absent = client.session('absent');
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  assert.equal(absent.status.name, 'missing');
  server.tamper = () => [{ session: 's', error: { code: 'session_erased' } }];
  append(server, 'x');
  assert.equal(session.status.name, 'erased');
  server.drop();
  await clock.advance(2_000);
  assert.equal(server.received('attach').filter(({ session: id }) => id === 's').length, 1);
});

test('a new session is created before it is read', async () => {
  const { server, client, clock } = harness();
  const session = client.session('fresh', { create: true });
  await clock.advance(0);
  assert.equal(session.status.name, 'live');
  assert.deepEqual(server.requests.filter(({ op }) => op !== 'ping').map(({ op }) => op), ['create', 'attach']);
});

test('an error for an agent of the session is not an error of the session', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  server.socket.onmessage({ data: JSON.stringify({ session: 's', run: 'r', error: { code: 'run_cancelled' } }) });
  assert.equal(session.status.name, 'live');
});

test('a detached session hears nothing and comes back as a new one', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  session.detach();
  await clock.advance(0);
  append(server, 'x');
  assert.equal(text(session), '');
  assert.notEqual(client.session('s'), session);
  assert.equal(server.received('detach').length, 1);
});

test('a stop goes on under one id until it is answered', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  server.fault = ({ op }) => (op === 'command' ? [, 'swallow', 'drop', { code: 'stopping' }][server.received('command').length] : null);
  const stopped = session.stop({ run: 'r' });
  await clock.advance(20_000);
  assert.equal((await stopped).state, 'accepted');
  const ids = server.received('command').map(({ command }) => command.id);
  assert.equal(ids.length, 4);
  assert.equal(new Set(ids).size, 1);
  assert.equal(session.state.commands.length, 1);
});

test('a stop that cannot be right says so at once', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  const session = client.session('s');
  await clock.advance(0);
  server.fault = ({ op }) => (op === 'command' ? { code: 'run_not_found' } : null);
  const stopped = assert.rejects(session.stop({ run: 'nope' }), { code: 'run_not_found' });
  await clock.advance(0);
  await stopped;
});
