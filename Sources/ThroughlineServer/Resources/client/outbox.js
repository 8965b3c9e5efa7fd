// Inputs on their way: kept in `storage` until the server acknowledged them, sent in order within a session, and tried again
// under the same id, so that neither a reload nor a second tab can lose one or add it twice.

import { backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { ThroughlineError } from './errors.js';

/**
 * Entries are `{id, session, parts, agent?, followUp?, create?, at, state, reason?}`; `state` is `pending`, `sent` (acknowledged, its event
 * not yet seen) or `failed` with the server's `reason`. Emits `change` with the session's id.
 */
export class Outbox extends Emitter {
  #entries = new Map();
  #busy = new Set();
  #options;

  /** `options`: `storage`, `scope` (a prefix of keys), `deliver(entry)` (answers
   * `{watched}`: whether a reader will see the input's event), `isOpen()`, `clock`, `random`, `limit`. */
  constructor(options) {
    super();
    this.#options = { limit: 100, ...options };
    this.#load();
  }

  /** The entries of a session, oldest first. */
  entries(session) {
    return [...this.#entries.values()].filter((entry) => entry.session === session);
  }

  get(id) {
    return this.#entries.get(id);
  }

  get hasPending() {
    return [...this.#entries.values()].some((entry) => entry.state === 'pending');
  }

  add(entry) {
    if (this.#entries.has(entry.id)) throw new ThroughlineError('id_taken', 'this input is already on its way');
    if (this.#entries.size >= this.#options.limit) {
      throw new ThroughlineError('outbox_full', 'too many messages wait for the connection');
    }
    this.#put({ ...entry, at: this.#options.clock.now(), state: 'pending' });
    this.#deliverAll(entry.session);
  }

  /** Sends what is pending. Called when the connection opens. */
  flush() {
    for (const session of new Set([...this.#entries.values()].map((entry) => entry.session))) this.#deliverAll(session);
  }

  /** Tries a failed entry again, under its id. */
  retry(id) {
    const entry = this.#entries.get(id);
    if (entry?.state !== 'failed') return;
    const { reason, ...rest } = entry;
    this.#put({ ...rest, state: 'pending' });
    this.#deliverAll(entry.session);
  }

  /** Forgets an entry: it was seen in the session, or is no longer wanted. */
  remove(id) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.#forget(id);
    this.emit('change', entry.session, id);
  }

  async #deliverAll(session) {
    if (this.#busy.has(session)) return;
    this.#busy.add(session);
    try {
      for (let attempt = 0; this.#options.isOpen();) {
        const entry = this.entries(session).find(({ state }) => state === 'pending');
        if (!entry) return;
        attempt = (await this.#deliver(entry)) ? 0 : attempt + 1;
        if (attempt > 0) await this.#pause(attempt);
      }
    } finally {
      this.#busy.delete(session);
    }
  }

  /** True when the entry is dealt with, false when it should be tried again. */
  async #deliver(entry) {
    try {
      const { watched } = await this.#options.deliver(entry);
      if (watched) this.#settle(entry, { state: 'sent' });
      else this.remove(entry.id);
      return true;
    } catch (error) {
      if (error.isTransient || error.code === 'closed') return false;
      this.#settle(entry, { state: 'failed', reason: { code: error.code ?? 'unknown', detail: error.detail ?? error.message } });
      return true;
    }
  }

  #settle({ id }, fields) {
    const entry = this.#entries.get(id);
    if (!entry) return; // Seen in the session, or discarded, meanwhile.
    this.#put({ ...entry, ...fields });
    if (fields.state === 'sent') this.#forget(id);
  }

  #pause(attempt) {
    const { clock, random } = this.#options;
    return new Promise((resume) => { clock.setTimeout(resume, backoff(attempt, { random })); });
  }

  // Storage

  #put(entry) {
    this.#entries.set(entry.id, entry);
    try {
      this.#options.storage.setItem(this.#key(entry.id), JSON.stringify(entry));
    } catch {
      // Full or forbidden: the entry still lives as long as the page.
    }
    this.emit('change', entry.session, entry.id);
  }

  #forget(id) {
    try {
      this.#options.storage.removeItem(this.#key(id));
    } catch {
      // It is sent again after a reload, which adds nothing.
    }
  }

  #load() {
    const { storage, limit } = this.#options;
    const found = [];
    try {
      for (let index = 0; index < storage.length; index++) {
        const key = storage.key(index);
        if (key?.startsWith(this.#key(''))) found.push(decode(storage.getItem(key)));
      }
    } catch {
      // Nothing can be read: begin empty.
    }
    found.filter(Boolean).sort((a, b) => a.at - b.at).slice(0, limit).forEach((entry) => this.#entries.set(entry.id, entry));
  }

  #key(id) {
    return `throughline.outbox ${this.#options.scope} ${id}`;
  }
}

function decode(text) {
  try {
    const entry = JSON.parse(text);
    return entry?.id && entry.session && Array.isArray(entry.parts) ? entry : null;
  } catch {
    return null;
  }
}
