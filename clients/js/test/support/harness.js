import { connect, memoryStorage } from '../../src/throughline.js';
import { FakeClock, FakeSurroundings } from './machine.js';
import { FakeServer } from './server.js';

/** A client, its server, and everything around them under the test's control. */
export function harness(options = {}) {
  const server = options.server ?? new FakeServer();
  const clock = options.clock ?? new FakeClock();
  const surroundings = new FakeSurroundings();
  const states = [];
  let minted = 0;
  const client = connect({
    url: 'https://host.example/', as: { id: 'ada', role: 'user', device: 'd1' }, WebSocket: server.WebSocket, clock, surroundings,
    storage: memoryStorage(), random: () => 0.5, mint: (prefix) => `${prefix}${++minted}`, ...options.client,
  });
  client.on('state', (state) => states.push(state.name));
  return { server, clock, surroundings, client, states };
}

export const text = (session) => session.state.messages.flatMap((message) => message.parts.map((part) => part.text)).join('');

/** A streaming message with one part `p`. */
export function beginMessage(server, id = 's') {
  server.session(id);
  server.append(id, [
    { type: 'run.started', run: { id: 'r', agent: 'a', inputs: [], epoch: 1 } },
    { type: 'message.started', message: { id: 'm', run: 'r', role: 'assistant' } },
    { type: 'part.started', part: { id: 'p', message: 'm', kind: 'text' } },
  ]);
}

export function append(server, piece, id = 's') {
  const offset = Buffer.byteLength(server.sessions.get(id).state.messages[0].parts[0].text);
  server.append(id, [{ type: 'part.appended', run: 'r', part: { id: 'p', offset, text: piece } }]);
}
