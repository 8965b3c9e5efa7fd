import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { ThroughlineError } from './errors.js';
import { mint } from './ids.js';
import { Outbox } from './outbox.js';
import { Session } from './session.js';
import { browserSurroundings, defaultStorage, systemClock } from './surroundings.js';
import { byteLength } from './text.js';

const FRAME_LIMIT = 1024 * 1024;
const PENDING_LIMIT = 256;

/** A client of the server at `options.url`, which starts to connect at once. See `throughline.d.ts` for the options. */
export function connect(options) {
  const client = new Client(options);
  client.reconnect();
  return client;
}

/**
 * Requests, sessions and the outbox over one connection. Emits `state` with the connection's state.
 *
 * A request that was on its way when the connection broke is sent again over the next one: every write carries an id of its own,
 * so the server adds it once.
 */
export class Client extends Emitter {
  /** Inputs that the server has not acknowledged yet. */
  outbox;

  #as;
  #connection;
  #pending = new Map();
  #sessions = new Map();
  #mint;

  constructor({ url, key, as, storage = defaultStorage(), clock = systemClock, random = Math.random,
    surroundings = browserSurroundings(), WebSocket = globalThis.WebSocket, mint: minter = mint, timings }) {
    super();
    if (!WebSocket) throw new ThroughlineError('websocket_missing', 'pass `WebSocket`: this runtime has none of its own');
    const address = socketAddress(url);
    this.#as = as;
    this.#mint = minter;
    this.clock = clock;
    this.random = random;
    this.#connection = new Connection({ url: address, key, WebSocket, clock, random, surroundings, timings });
    this.#connection.isExpecting = () => this.#isExpecting();
    this.outbox = new Outbox({
      storage, scope: address, clock, random, deliver: (entry) => this.#deliver(entry), isOpen: () => this.#connection.isOpen,
    });
    this.#listen();
  }

  /** `{name, until?, code?, why?}`: `connecting`, `open`, `waiting`, `offline`, `refused` or `closed`. */
  get state() {
    return this.#connection.state;
  }

  get isOpen() {
    return this.#connection.isOpen;
  }

  /** Connects now, with another key when one is given. */
  reconnect(options) {
    this.#connection.start(options);
  }

  /** Ends the connection and every request. It stops no run. */
  close() {
    this.#connection.stop();
    this.#fail(() => new ThroughlineError('closed', 'the client was closed'));
    for (const session of this.#sessions.values()) session.dropped();
    this.#sessions.clear();
  }

  /**
   * Sends one operation of the protocol and answers its `ok`; throws a `ThroughlineError` with the server's code.
   * Waits for the connection, at most `timeout` milliseconds in all.
   */
  request(op, fields = {}, { timeout = 10_000, resend = true } = {}) {
    const id = this.#connection.nextID();
    const frame = JSON.stringify({ id, op, ...fields, ...(this.#as && { as: this.#as }) });
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(frame);
      if (refusal) return reject(refusal);
      const timer = this.clock.setTimeout(() => this.#settle(id, 'reject', new ThroughlineError('request_timeout',
        this.isOpen ? `the server did not answer ${op}` : `not connected: ${op} was not sent`)), timeout);
      this.#pending.set(id, { frame, resolve, reject, timer, resend, sent: this.#connection.send(frame) });
    });
  }

  /** The live session with this id: the same object until it is detached. With `create`, it is created when absent. */
  session(id, { create = false } = {}) {
    if (!this.#sessions.has(id)) {
      this.#sessions.set(id, new Session(id, this, { create, forget: () => this.#sessions.delete(id) }));
      this.#sessions.get(id).attach();
    }
    return this.#sessions.get(id);
  }

  /** A fresh id, such as `s-1f...`. */
  mint(prefix) {
    return this.#mint(prefix);
  }

  /** `{sessions, cursor?}`, newest activity first. */
  list(query = {}) {
    return this.request('list', query);
  }

  /** Creates a session, or confirms that it is there. */
  create({ id = this.mint('s'), ...fields } = {}) {
    return this.request('create', { session: id, ...fields });
  }

  rename(session, title) {
    return this.request('update', { session, title });
  }

  /** Erases a session for good. */
  async erase(session) {
    try {
      await this.request('erase', { session }, { timeout: 30_000 });
    } catch (error) {
      if (error.code !== 'session_erased') throw error;
    }
  }

  // Inside

  #listen() {
    this.#connection.on('state', (state) => this.emit('state', state));
    this.#connection.on('frame', (frame) => this.#receive(frame));
    this.#connection.on('open', () => this.#opened());
    this.#connection.on('drop', () => this.#dropped());
    this.outbox.on('change', (id) => this.#sessions.get(id)?.outboxChanged());
  }

  #receive(frame) {
    if (frame.re !== undefined) {
      if (frame.error) this.#settle(frame.re, 'reject', ThroughlineError.from(frame.error));
      else this.#settle(frame.re, 'resolve', frame.ok);
    } else if (frame.session !== undefined) {
      this.#sessions.get(frame.session)?.receive(frame);
    }
  }

  #opened() {
    for (const request of this.#pending.values()) if (!request.sent) request.sent = this.#connection.send(request.frame);
    for (const session of this.#sessions.values()) session.attach();
    this.outbox.flush();
  }

  #dropped() {
    const { name, code, why } = this.state;
    if (name === 'refused') this.#fail(() => new ThroughlineError('refused', why, { because: code }));
    for (const [id, request] of this.#pending) {
      request.sent = false;
      if (!request.resend) this.#settle(id, 'reject', new ThroughlineError('connection_lost', 'the connection broke'));
    }
    for (const session of this.#sessions.values()) session.dropped();
  }

  #refusal(frame) {
    const { name, code, why } = this.state;
    if (name === 'closed') return new ThroughlineError('closed', 'the client was closed');
    if (name === 'refused') return new ThroughlineError('refused', why, { because: code });
    if (this.#pending.size >= PENDING_LIMIT) return new ThroughlineError('too_many', 'too many requests wait for an answer');
    if (byteLength(frame) > FRAME_LIMIT) return new ThroughlineError('too_large', 'the message is larger than 1 MiB');
    return null;
  }

  #settle(id, how, value) {
    const request = this.#pending.get(id);
    if (!request) return;
    this.#pending.delete(id);
    this.clock.clearTimeout(request.timer);
    request[how](value);
  }

  #fail(error) {
    for (const id of [...this.#pending.keys()]) this.#settle(id, 'reject', error());
  }

  async #deliver({ id, session, parts, agent, followUp, create }) {
    if (create) await this.request('create', { session }, { timeout: 15_000 });
    const reader = this.#sessions.get(session);
    if (create && reader?.status.name === 'missing') reader.attach();
    const input = { id, parts, ...(agent && { agent }), ...(followUp && { followUp }) };
    await this.request('input', { session, input }, { timeout: 15_000 });
    return { watched: Boolean(reader) };
  }

  #isExpecting() {
    return this.#pending.size > 0 || this.outbox.hasPending || [...this.#sessions.values()].some((session) => session.isExpecting);
  }
}

/** `https://host/` becomes `wss://host/v1/connect`. */
function socketAddress(url) {
  const address = new URL('v1/connect', url);
  address.protocol = address.protocol.replace('http', 'ws');
  return address.href;
}
