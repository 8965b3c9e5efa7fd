// One WebSocket to the server, kept alive: it says truly whether the server answers, and comes back by itself.
//
//   connecting -> open -> waiting -> connecting ...      offline: as waiting, while the browser says there is no network
//   refused: the server will not have us, only `start` with something changed helps         closed: `stop` was called

import { backoff } from './backoff.js';
import { Emitter } from './emitter.js';

const SUBPROTOCOL = 'throughline.v1';

/** Milliseconds. A dead network is noticed after `quiet + answer` while something is expected and the page is visible. */
export const TIMINGS = {
  connect: 8_000, answer: 4_000, quiet: 5_000, quietIdle: 15_000, quietHidden: 25_000, stable: 5_000, overloaded: 3_000,
};

/** The close codes after which coming back is useless, and why. */
const FINAL = {
  1008: ['protocol_broken', 'The server says that this client broke the protocol.'],
  1009: ['too_large', 'The server refused a message as too big.'],
  4400: ['protocol_broken', 'The server says that this client broke the protocol.'],
  4401: ['key_invalid', 'The server does not accept this key.'],
};

export class Connection extends Emitter {
  /** `{name, until?, code?, why?}`; see the top of the file for the names. */
  state = { name: 'closed' };
  /** Answers whether somebody waits for the server now; then silence is doubted sooner. */
  isExpecting = () => false;

  #options;
  #socket = null;
  #timer = null;
  #attempt = 0;
  #openedAt = 0;
  #heardAt = 0;
  #unansweredSince = null;
  #probing = false;
  #lastID = 0;
  #unwatch = null;

  /** `options`: `url` (ws: or wss:), `key`, `WebSocket`, `clock`, `random`, `surroundings`. */
  constructor(options) {
    super();
    this.#options = { ...options, timings: { ...TIMINGS, ...options.timings } };
  }

  get isOpen() {
    return this.state.name === 'open';
  }

  /** Connects, now. With `key`, that key is used from now on. */
  start({ key } = {}) {
    if (key !== undefined) this.#options.key = key;
    this.#unwatch ??= this.#options.surroundings.watch({ wake: () => this.wake(), doubt: () => this.#probe(), leave: () => this.leave() });
    this.#attempt = 0;
    this.#abandon();
    this.#connect();
  }

  /** Closes for good. It never stops a run. */
  stop() {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#abandon();
    this.#become({ name: 'closed' });
  }

  /** The network may be back: tries at once when waiting, asks the server for a sign of life when open. */
  wake() {
    if (this.state.name === 'waiting' || this.state.name === 'offline') this.#connect();
    else if (this.isOpen) this.#probe();
  }

  /** The page is left. A browser may keep it, frozen and with its socket, to come back to: whoever is not there must not seem to be. */
  leave() {
    if (this.isOpen || this.state.name === 'connecting') this.#lose(0, 'the page was left');
  }

  /** A number for the next request. */
  nextID() {
    return ++this.#lastID;
  }

  /** Sends `frame`, already encoded; false when the connection is not open. */
  send(text) {
    if (!this.isOpen) return false;
    this.#transmit(text);
    this.#watchSilence();
    return true;
  }

  #connect() {
    const { url, key, WebSocket, clock, timings } = this.#options;
    this.#clearTimer();
    this.#become({ name: 'connecting' });
    const protocols = key ? [SUBPROTOCOL, `bearer.${key}`] : [SUBPROTOCOL];
    let socket;
    try {
      socket = new WebSocket(url, protocols);
    } catch (error) {
      return this.#refuse('key_invalid', `The browser cannot connect with this address or key: ${error.message}`);
    }
    this.#socket = socket;
    const mine = (handler) => (event) => { if (this.#socket === socket) handler(event); };
    socket.onopen = mine(() => this.#ping());
    socket.onmessage = mine((event) => this.#hear(event.data));
    socket.onerror = () => {}; // A close follows, and says more.
    socket.onclose = mine((event) => this.#lose(event.code, event.reason));
    this.#timer = clock.setTimeout(() => this.#lose(0, 'no answer'), timings.connect);
  }

  #hear(data) {
    this.#heardAt = this.#options.clock.now();
    this.#unansweredSince = null;
    this.#probing = false;
    if (!this.isOpen) this.#opened();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return this.#lose(0, 'a frame that is not JSON');
    }
    this.emit('frame', frame);
  }

  #opened() {
    this.#clearTimer();
    this.#openedAt = this.#heardAt;
    this.#become({ name: 'open' });
    this.#watchSilence();
    this.emit('open');
  }

  // Silence

  #watchSilence() {
    if (!this.isOpen || this.#probing) return;
    const { clock, surroundings, timings } = this.#options;
    const quiet = surroundings.isHidden() ? timings.quietHidden : this.isExpecting() ? timings.quiet : timings.quietIdle;
    const since = Math.max(this.#heardAt, this.#unansweredSince ?? 0);
    this.#clearTimer();
    this.#timer = clock.setTimeout(() => {
      const rest = Math.max(this.#heardAt, this.#unansweredSince ?? 0) + quiet - clock.now();
      if (rest > 0) this.#watchSilence();
      else this.#probe();
    }, Math.max(0, since + quiet - clock.now()));
  }

  #probe() {
    if (!this.isOpen || this.#probing) return;
    const { clock, timings } = this.#options;
    this.#probing = true;
    const asked = clock.now();
    this.#ping();
    this.#clearTimer();
    this.#timer = clock.setTimeout(() => {
      if (this.#probing && this.#heardAt <= asked) this.#lose(0, 'the server went silent');
      else this.#watchSilence();
    }, timings.answer);
  }

  #ping() {
    this.#transmit(JSON.stringify({ id: this.nextID(), op: 'ping' }));
  }

  #transmit(text) {
    this.#unansweredSince ??= this.#options.clock.now();
    try {
      this.#socket.send(text);
    } catch {
      // The socket is closing; its close event follows.
    }
  }

  // Loss

  #lose(code, reason) {
    const wasOpen = this.isOpen;
    this.#abandon();
    if (FINAL[code]) return this.#refuse(FINAL[code][0], reason || FINAL[code][1]);
    this.#wait(code, reason, wasOpen);
  }

  #wait(code, reason, wasOpen) {
    const { clock, random, surroundings, timings } = this.#options;
    if (wasOpen && clock.now() - this.#openedAt >= timings.stable) this.#attempt = 0;
    const floor = code === 1013 ? timings.overloaded : 0;
    const delay = backoff(this.#attempt++, { random, floor, base: floor ? floor * 2 : 500 });
    this.#become({
      name: surroundings.isOnline() ? 'waiting' : 'offline', until: clock.now() + delay, why: reason || 'the connection was lost',
    });
    if (wasOpen) this.emit('drop');
    this.#timer = clock.setTimeout(() => this.#connect(), delay);
  }

  #refuse(code, why) {
    this.#abandon();
    this.#become({ name: 'refused', code, why });
    this.emit('drop');
  }

  #abandon() {
    this.#clearTimer();
    const socket = this.#socket;
    this.#socket = null;
    this.#probing = false;
    this.#unansweredSince = null;
    try {
      socket?.close(1000);
    } catch {
      // Already closed.
    }
  }

  #clearTimer() {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #become(state) {
    this.state = state;
    this.emit('state', state);
  }
}
