import assert from 'node:assert/strict';
import { test } from 'node:test';

import { memoryStorage } from '../src/throughline.js';
import { harness } from './support/harness.js';
import { seeded } from './support/machine.js';

const texts = (server, id = 's') => server.session(id).state.inputs.map((input) => input.parts[0].text);

test('an input is shown pending at once, and settled when its event is here', async () => {
  const { server, client, clock } = harness();
  server.session('s');
  const session = client.session('s');
  await clock.advance(0);
  const id = session.send('hi', { agent: 'helper' });
  assert.deepEqual(session.pending.map((entry) => [entry.id, entry.state]), [[id, 'pending']]);
  await clock.advance(0);
  assert.deepEqual(session.pending, []);
  assert.deepEqual(server.received('input')[0].input, { id, parts: [{ kind: 'text', text: 'hi' }], agent: 'helper' });
});

test('between the answer and the event an input stays visible', async () => {
  const storage = memoryStorage();
  const { server, client, clock } = harness({ client: { storage } });
  server.session('s');
  const session = client.session('s');
  await clock.advance(0);
  const held = [];
  server.tamper = (frame) => (frame.events ? (held.push(frame), []) : [frame]);
  session.send('hi');
  await clock.advance(0);
  assert.deepEqual(session.pending.map(({ state }) => state), ['sent']);
  assert.equal(storage.length, 0, 'what is acknowledged need not be kept');
  server.socket.onmessage({ data: JSON.stringify(held[0]) });
  assert.deepEqual(session.pending, []);
});

test('what is written offline is sent in order when the network is back', async () => {
  const { server, client, clock } = harness();
  server.session('s');
  const session = client.session('s');
  await clock.advance(0);
  server.door = 'ignored';
  server.drop();
  for (const word of ['one', 'two', 'three']) session.send(word);
  await clock.advance(30_000);
  assert.equal(session.pending.length, 3);
  server.door = 'open';
  await clock.advance(30_000);
  assert.deepEqual(texts(server), ['one', 'two', 'three']);
  assert.deepEqual(session.pending, []);
});

test('inputs go one after the other, each once', async () => {
  const { server, client, clock } = harness();
  server.session('s');
  const session = client.session('s');
  await clock.advance(0);
  const ids = ['a', 'b', 'c'].map((word) => session.send(word));
  client.outbox.flush();
  await clock.advance(0);
  assert.deepEqual(server.received('input').map(({ input }) => input.id), ids);
});

test('however the connection breaks, every input is there once and in order', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed);
    const { server, client, clock } = harness({ client: { random } });
    server.session('s');
    const session = client.session('s');
    server.fault = ({ op }) => (op === 'ping' ? null : random() < 0.2 ? 'drop' : random() < 0.2 ? 'swallow' : random() < 0.1 ? { code: 'stopping' } : null);
    const words = Array.from({ length: 8 }, (_, index) => `word ${index}`);
    for (const word of words) {
      session.send(word);
      await clock.advance(random() * 500);
    }
    server.fault = () => null;
    await clock.advance(60_000);
    assert.deepEqual(texts(server), words, `seed ${seed}`);
    assert.deepEqual(session.pending, [], `seed ${seed}`);
  }
});

test('a reload sends what the page before it could not', async () => {
  const storage = memoryStorage();
  const before = harness({ client: { storage } });
  before.server.door = 'ignored';
  before.client.session('new', { create: true }).send('from before');
  before.client.close();

  const { server, client, clock } = harness({ client: { storage } });
  const session = client.session('new');
  assert.equal(session.pending[0].parts[0].text, 'from before');
  await clock.advance(5_000);
  assert.deepEqual(texts(server, 'new'), ['from before']);
  assert.equal(session.status.name, 'live', 'a session that was missing is read once it is made');
  assert.equal(storage.length, 0);
});

test('two tabs with one outbox add an input once', async () => {
  const storage = memoryStorage();
  const first = harness({ client: { storage } });
  first.server.session('s');
  first.server.door = 'ignored';
  first.client.session('s').send('hi');
  const second = harness({ client: { storage }, server: first.server });
  first.server.door = 'open';
  await second.clock.advance(20_000);
  await first.clock.advance(20_000);
  assert.deepEqual(texts(first.server), ['hi']);
  assert.equal(first.server.received('input').length, 2);
  assert.equal(storage.length, 0);
});

test('a refused input is kept with the reason, to try again or to give up', async () => {
  const storage = memoryStorage();
  const { server, client, clock } = harness({ client: { storage } });
  server.session('s');
  const session = client.session('s');
  await clock.advance(0);
  server.fault = ({ op }) => (op === 'input' ? { code: 'session_closed', detail: 'it is closed' } : null);
  const [first, second] = [session.send('a'), session.send('b')];
  await clock.advance(1_000);
  assert.deepEqual(session.pending.map(({ state, reason }) => [state, reason.code]), [['failed', 'session_closed'], ['failed', 'session_closed']]);
  assert.equal(storage.length, 2);
  server.fault = () => null;
  session.discard(first);
  session.retry(second);
  await clock.advance(0);
  assert.deepEqual(texts(server), ['b']);
  assert.equal(storage.length, 0);
});

test('a refused key does not fail what waits', async () => {
  const { server, client, clock } = harness();
  server.session('s');
  server.door = 4401;
  const session = client.session('s');
  session.send('hi');
  await clock.advance(1_000);
  assert.equal(session.pending[0].state, 'pending');
  server.door = 'open';
  client.reconnect({ key: 'k' });
  await clock.advance(1_000);
  assert.deepEqual(texts(server), ['hi']);
});

test('the outbox is bounded', () => {
  const { server, client } = harness();
  server.door = 'ignored';
  const session = client.session('s');
  for (let count = 0; count < 100; count++) session.send('x');
  assert.throws(() => session.send('x'), { code: 'outbox_full' });
});

test('inputs of sessions that nobody reads leave the outbox when acknowledged', async () => {
  const { server, client, clock } = harness();
  server.session('s');
  await clock.advance(0);
  const session = client.session('s');
  session.detach();
  session.send('hi');
  await clock.advance(0);
  assert.deepEqual(texts(server), ['hi']);
  assert.deepEqual(client.outbox.entries('s'), []);
});

test('storage that fails or holds nonsense does not stop a message', async () => {
  const broken = { length: 1, key: () => { throw new Error('no'); }, setItem() { throw new Error('full'); }, removeItem() { throw new Error('no'); } };
  const nonsense = memoryStorage();
  nonsense.setItem('throughline.outbox wss://host.example/v1/connect i0', '{"id": 1');
  for (const storage of [broken, nonsense]) {
    const { server, client, clock } = harness({ client: { storage } });
    server.session('s');
    client.session('s').send('hi');
    await clock.advance(1_000);
    assert.deepEqual(texts(server), ['hi']);
  }
});
