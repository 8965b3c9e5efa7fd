// A server of the protocol in memory, with faults: it can refuse, fall silent, drop a socket at any frame, lose or repeat events.

import { apply, emptyState } from '../../src/state.js';

export class FakeServer {
  /** Sessions by id: their events and the state after them. */
  sessions = new Map();
  sockets = [];
  /** Every request received, with its socket's number. */
  requests = [];
  /** How the next socket is treated: `open`, `ignored` (never answers), or a close code. */
  door = 'open';
  isSilent = false;
  /** Called with every outgoing frame; answers those to send instead. */
  tamper = (frame) => [frame];
  /** Called with every request before it is carried out; `'drop'` closes, `'swallow'` carries out but closes before the answer. */
  fault = () => null;

  /** The WebSocket class whose sockets end here. */
  get WebSocket() {
    const server = this;
    return class {
      constructor(url, protocols) {
        this.url = url;
        this.protocols = protocols;
        this.attached = new Set();
        this.number = server.sockets.push(this);
        queueMicrotask(() => server.#arrived(this));
      }

      send(text) { server.#receive(this, JSON.parse(text)); }
      close() { this.isClosed = true; }
    };
  }

  get socket() { return this.sockets.at(-1); }

  session(id) {
    if (!this.sessions.has(id)) {
      this.sessions.set(id, { id, state: emptyState(), events: [] });
      this.append(id, [{ type: 'session.created', session: { id, title: null, metadata: {}, policies: {}, state: 'open' } }]);
    }
    return this.sessions.get(id);
  }

  /** Appends events to the log and sends them to whoever is attached. */
  append(id, events) {
    const session = this.sessions.get(id);
    const numbered = events.map((event, index) => ({ seq: session.state.seq + index + 1, at: 5, by: { id: 'x', role: 'user' }, ...event }));
    session.state = apply(session.state, numbered).state;
    session.events.push(...numbered);
    for (const socket of this.sockets) if (socket.attached.has(id)) this.#send(socket, { session: id, events: numbered });
  }

  /** The socket ends with this code, as far as the client can tell. */
  drop(code = 1006, socket = this.socket) {
    if (socket.isClosed) return;
    socket.isClosed = true;
    socket.attached.clear();
    socket.onclose({ code, reason: '' });
  }

  received(op) {
    return this.requests.filter((request) => request.op === op);
  }

  #arrived(socket) {
    if (socket.isClosed) return;
    if (this.door === 'open') socket.onopen();
    else if (typeof this.door === 'number') this.drop(this.door, socket);
  }

  #send(socket, frame) {
    if (socket.isClosed || this.isSilent) return;
    for (const sent of this.tamper(frame)) if (!socket.isClosed) socket.onmessage({ data: JSON.stringify(sent) });
  }

  #receive(socket, request) {
    if (socket.isClosed || this.isSilent) return;
    this.requests.push({ ...request, socket: socket.number });
    const fault = this.fault(request);
    if (fault === 'drop') return queueMicrotask(() => this.drop(1006, socket));
    if (fault === 'swallow') queueMicrotask(() => this.drop(1006, socket));
    queueMicrotask(() => this.#answer(socket, request, fault));
  }

  #answer(socket, { id: re, op, ...request }, fault) {
    if (typeof fault === 'object' && fault) return this.#send(socket, { re, error: fault });
    try {
      const { ok, after } = this[`_${op.replace('.', '_')}`](request, socket);
      this.#send(socket, { re, ok });
      after?.();
    } catch (error) {
      if (!error.code) throw error;
      this.#send(socket, { re, error });
    }
  }

  /** Sends a frame about a session to whoever is attached, beside its events. */
  tell(id, fields) {
    for (const socket of this.sockets) if (socket.attached.has(id)) this.#send(socket, { session: id, ...fields });
  }

  _ping() { return { ok: {} }; }
  _create({ session }) { return { ok: { session: this.session(session).state.session, seq: 1 } }; }
  _list() { return { ok: { sessions: [...this.sessions.keys()].map((id) => ({ id })) } }; }
  _detach({ session }, socket) { socket.attached.delete(session); return { ok: {} }; }

  _erase({ session }) {
    if (!this.sessions.delete(session)) throw { code: 'session_erased' };
    return { ok: {} };
  }

  _attach({ session: id, after, from }, socket) {
    const session = this.#known(id);
    if (after > session.state.seq) throw { code: 'cursor_ahead', tail: session.state.seq };
    socket.attached.add(id);
    const start = after ?? session.state.seq;
    return {
      ok: { seq: session.state.seq },
      after: () => {
        if (from === 'snapshot') this.#send(socket, { session: id, snapshot: snapshot(session.state) });
        const rest = session.events.slice(start);
        if (rest.length) this.#send(socket, { session: id, events: rest });
      },
    };
  }

  _input({ session: id, input }) {
    const session = this.#known(id);
    if (!session.state.inputs.some((known) => known.id === input.id)) this.append(id, [{ type: 'input.added', input }]);
    return { ok: { input, seq: session.state.seq } };
  }

  _presence() { return { ok: { presence: [] } }; }
  _read({ seq }) { return { ok: { read: seq, tail: seq } }; }
  _say({ message }) { return { ok: { message } }; }
  _answer({ request, answer }) { return { ok: { request: { id: request, state: 'resolved', answer } } }; }

  _command({ session: id, command }) {
    const session = this.#known(id);
    if (!session.state.commands.some((known) => known.id === command.id)) {
      this.append(id, [{ type: 'command.requested', command }, { type: 'command.accepted', command: { id: command.id } }]);
    }
    return { ok: { command: { ...command, state: 'accepted' } } };
  }

  _events({ session: id, after, limit }) {
    const { events, state } = this.#known(id);
    return { ok: { events: events.slice(after, after + Math.min(limit, 2)), tail: state.seq } };
  }

  _fork({ new: session }) { return { ok: { session: { id: session }, seq: 1 } }; }
  _update({ session, policies }) { return { ok: { session: { id: session, policies }, seq: 1 } }; }

  #known(id) {
    if (!this.sessions.has(id)) throw { code: 'session_not_found' };
    return this.sessions.get(id);
  }
}

/** The snapshot as it crosses the wire: no byte lengths, no index. */
export function snapshot({ places, ...state }) {
  const messages = state.messages.map((message) => ({ ...message, parts: message.parts.map(({ bytes, ...part }) => part) }));
  return JSON.parse(JSON.stringify({ ...state, messages }));
}
