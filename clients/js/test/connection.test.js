import assert from 'node:assert/strict';
import { test } from 'node:test';

import { beginMessage, harness } from './support/harness.js';

test('it is open only when the server has answered', async () => {
  const { server, client, clock } = harness({ client: { key: 'k1' } });
  server.isSilent = true;
  await clock.advance(1000);
  assert.equal(client.state.name, 'connecting', 'a socket alone proves nothing');
  assert.equal(server.socket.url, 'wss://host.example/v1/connect');
  assert.deepEqual(server.socket.protocols, ['throughline.v1', 'bearer.k1']);
  server.isSilent = false;
  await clock.advance(9000);
  assert.equal(client.state.name, 'open');
});

test('a server that never answers is given up', async () => {
  const { server, client, clock } = harness();
  server.door = 'ignored';
  await clock.advance(8_000);
  assert.equal(client.state.name, 'waiting');
  assert.equal(client.state.until, clock.now() + 250);
});

test('waits grow, and an early loss does not reset them', async () => {
  const { server, client, clock } = harness();
  await clock.advance(0);
  const waits = [];
  for (let loss = 0; loss < 8; loss++) {
    server.drop();
    waits.push(client.state.until - clock.now());
    await clock.advance(client.state.until - clock.now());
    assert.equal(client.state.name, 'open');
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 7500, 7500, 7500]);
  await clock.advance(6_000);
  server.drop();
  assert.equal(client.state.until - clock.now(), 250, 'a connection that held starts afresh');
});

test('it comes back at once when the browser does', async () => {
  const { server, client, clock, surroundings } = harness();
  await clock.advance(0);
  surroundings.online = false;
  server.door = 'ignored';
  server.drop();
  assert.equal(client.state.name, 'offline');
  server.door = 'open';
  surroundings.online = true;
  surroundings.wake();
  await clock.advance(0);
  assert.equal(client.state.name, 'open');
});

test('a half-open socket is noticed within 10 s while something is expected', async () => {
  const { server, client, clock } = harness();
  beginMessage(server);
  client.session('s');
  await clock.advance(0);
  server.isSilent = true;
  await clock.advance(9_000);
  assert.equal(client.state.name, 'waiting');
  assert.equal(client.state.why, 'the server went silent');
  assert.ok(server.sockets[0].isClosed);
});

test('an idle connection is doubted later, a hidden one later still', async () => {
  for (const [hidden, after] of [[false, 19_000], [true, 29_000]]) {
    const { server, client, clock, surroundings } = harness();
    surroundings.hidden = hidden;
    await clock.advance(0);
    server.isSilent = true;
    await clock.advance(after - 1);
    assert.equal(client.state.name, 'open');
    await clock.advance(1);
    assert.equal(client.state.name, 'waiting');
  }
});

test('pings keep a quiet connection, without end', async () => {
  const { client, clock, server, states } = harness();
  await clock.advance(600_000);
  assert.equal(client.state.name, 'open');
  assert.deepEqual(states, ['open']);
  assert.equal(server.received('ping').length, 41);
});

test('a shown tab and a lost network are checked within 4 s', async () => {
  for (const sign of ['wake', 'doubt']) {
    const { server, client, clock, surroundings } = harness();
    await clock.advance(100);
    server.isSilent = true;
    surroundings[sign]();
    await clock.advance(4_000);
    assert.equal(client.state.name, 'waiting', sign);
  }
});

test('a page that is left holds no connection, and connects at once when it is come back to', async () => {
  const { server, client, clock, surroundings } = harness();
  await clock.advance(100);
  surroundings.leave();
  assert.deepEqual([client.state.name, server.socket.isClosed, server.sockets.length], ['waiting', true, 1]);
  surroundings.wake();
  await clock.advance(0);
  assert.deepEqual([client.state.name, server.sockets.length], ['open', 2]);
});

test('close codes that are final are final', async () => {
  for (const [code, because] of [[4401, 'key_invalid'], [1008, 'protocol_broken'], [4400, 'protocol_broken'], [1009, 'too_large']]) {
    const { server, client, clock, surroundings } = harness();
    await clock.advance(0);
    server.isSilent = true;
    const list = assert.rejects(client.list(), { code: 'refused', because });
    server.drop(code);
    await list;
    surroundings.wake();
    await clock.advance(60_000);
    assert.equal(client.state.name, 'refused');
    assert.equal(client.state.code, because);
    assert.equal(server.sockets.length, 1, 'it does not come back');
    await assert.rejects(client.list(), { code: 'refused' });
  }
});

test('close codes that pass are waited out, an overload longer', async () => {
  for (const [code, least, most] of [[1001, 0, 500], [1012, 0, 500], [1006, 0, 500], [1013, 3000, 6000]]) {
    for (const chance of [0, 0.999]) {
      const { server, client, clock } = harness({ client: { random: () => chance } });
      await clock.advance(0);
      server.drop(code);
      const wait = client.state.until - clock.now();
      assert.ok(wait >= least && wait <= most, `${code}: ${wait}`);
      await clock.advance(wait);
      assert.equal(client.state.name, 'open');
    }
  }
});

test('another key opens a door that was shut', async () => {
  const { server, client, clock } = harness();
  server.door = 4401;
  await clock.advance(0);
  assert.equal(client.state.name, 'refused');
  server.door = 'open';
  client.reconnect({ key: 'k2' });
  await clock.advance(0);
  assert.equal(client.state.name, 'open');
  assert.deepEqual(server.socket.protocols, ['throughline.v1', 'bearer.k2']);
});

test('a key that cannot be a subprotocol is refused, not retried', async () => {
  class Picky { constructor() { throw new SyntaxError('bad protocol'); } }
  const { client } = harness({ client: { WebSocket: Picky } });
  assert.deepEqual([client.state.name, client.state.code], ['refused', 'key_invalid']);
});

test('closing ends timers, requests and the socket', async () => {
  const { server, client, clock } = harness();
  server.isSilent = true;
  await clock.advance(0);
  const list = assert.rejects(client.list(), { code: 'closed' });
  client.close();
  await list;
  await clock.advance(60_000);
  assert.equal(client.state.name, 'closed');
  assert.equal(server.sockets.length, 1);
});

test('a socket given up says nothing any more', async () => {
  const { server, client, clock } = harness();
  await clock.advance(0);
  const [old] = server.sockets;
  server.drop();
  await clock.advance(1_000);
  old.onclose({ code: 4401 });
  assert.equal(client.state.name, 'open');
});
