import assert from 'node:assert/strict';
import { test } from 'node:test';

import { harness } from './support/harness.js';

test('requests wait for the connection and say who asks', async () => {
  const { server, client, clock } = harness();
  server.session('s1');
  const list = client.list({ limit: 5 });
  await clock.advance(0);
  assert.deepEqual((await list).sessions, [{ id: 's1' }]);
  const [request] = server.received('list');
  assert.deepEqual([request.limit, request.as], [5, { id: 'ada', role: 'user', device: 'd1' }]);
});

test('a request on its way when the connection breaks is sent again', async () => {
  const { server, client, clock } = harness();
  await clock.advance(0);
  server.fault = ({ op }) => (op === 'create' && server.received('create').length === 1 ? 'swallow' : null);
  const created = client.create({ id: 's9' });
  await clock.advance(2_000);
  assert.equal((await created).session.id, 's9');
  assert.equal(server.received('create').length, 2);
});

test('a request that nobody answers times out', async () => {
  const { server, client, clock } = harness();
  await clock.advance(0);
  server.isSilent = true;
  const list = assert.rejects(client.request('list', {}, { timeout: 3_000 }), { code: 'request_timeout', isTransient: true });
  await clock.advance(3_000);
  await list;
});

test('a refusal carries the code and what the server added', async () => {
  const { server, client, clock } = harness();
  await clock.advance(0);
  server.fault = ({ op }) => (op === 'update' ? { code: 'field_invalid', detail: 'too long', status: 400, field: 'title' } : null);
  const renamed = assert.rejects(client.rename('s', 'x'), { code: 'field_invalid', detail: 'too long', status: 400, field: 'title' });
  await clock.advance(0);
  await renamed;
});

test('a message over 1 MiB is refused here, where it does no harm', async () => {
  const { client, clock, server } = harness();
  await clock.advance(0);
  await assert.rejects(client.rename('s', 'é'.repeat(600_000)), { code: 'too_large' });
  assert.equal(server.received('update').length, 0);
});

test('requests are bounded', async () => {
  const { server, client } = harness();
  server.door = 'ignored';
  const waiting = Array.from({ length: 256 }, () => client.list());
  await assert.rejects(client.list(), { code: 'too_many' });
  client.close();
  await Promise.allSettled(waiting);
});

test('erasing what is erased already is done', async () => {
  const { server, client, clock } = harness();
  server.session('s');
  server.fault = ({ op }) => (op === 'erase' && server.received('erase').length === 1 ? 'swallow' : null);
  const erased = client.erase('s');
  await clock.advance(2_000);
  await erased;
  assert.equal(server.received('erase').length, 2);
});
