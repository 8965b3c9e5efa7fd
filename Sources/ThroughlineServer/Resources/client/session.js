import { backoff } from './backoff.js';
import { ThroughlineError } from './errors.js';
import { Participation, partsOf } from './participation.js';
import { activeRuns, apply, emptyState, find, fromSnapshot } from './state.js';

const FINAL = new Set(['session_erased', 'session_not_found', 'not_allowed', 'role_refused', 'id_invalid']);

/**
 * One session, live: its state, what is on its way to it, and what can be done with it.
 *
 * Emits `change` (changes, state) after every frame, `status`, `outbox`, and `presence`. `status` is `{name, error?}`: `attaching`, `live`,
 * `interrupted` (not connected), `missing`, `erased`, `refused` or `detached`. It is `live` once everything the server had when
 * we attached is here.
 */
export class Session extends Participation {
  state = emptyState();
  status = { name: 'attaching' };
  /** How often the events did not follow on, and how many had already been held. */
  counts = { gaps: 0, duplicates: 0 };

  #client;
  #create;
  #forget;
  /** Counts attachments; an answer to an older one is of no interest. */
  #attachment = 0;
  #accepts = 'nothing';
  #tail = 0;
  #failures = 0;

  constructor(id, client, { create, forget }) {
    super(id, client);
    this.#client = client;
    this.#create = create;
    this.#forget = forget;
  }

  /** True while something of this session should be arriving. */
  get isExpecting() {
    return this.status.name === 'attaching' || activeRuns(this.state).length > 0
      || this.state.queue.length > 0;
  }

  /** Inputs on their way that the session does not show yet. */
  get pending() {
    return this.#client.outbox.entries(this.id).filter((entry) => !find(this.state, 'inputs', entry.id));
  }

  /**
   * Sends an input: text, or parts. It is kept and tried again until the server has it, over reloads too.
   * Answers its id at once; `pending` tells how it fares. A session that is missing is created first.
   * `followUp` says what it does while a run is active; by default what the session says.
   */
  send(content, { agent, followUp, id = this.#client.mint('i') } = {}) {
    const parts = partsOf(content);
    const create = this.#create || this.status.name === 'missing';
    this.#client.outbox.add({
      id, session: this.id, parts, ...(agent && { agent }), ...(followUp && { followUp }), ...(create && { create }),
    });
    return id;
  }

  /** Tries a failed input again, under its id. */
  retry(id) {
    this.#client.outbox.retry(id);
  }

  /** Gives a failed input up. */
  discard(id) {
    this.#client.outbox.remove(id);
  }

  /** Stops reading. The session goes on. */
  detach() {
    this.#attachment++;
    this.#become('detached');
    this.#settleOutbox(this.#client.outbox.entries(this.id).filter(({ state }) => state === 'sent').map(({ id }) => id));
    this.#forget();
    if (this.#client.isOpen) this.#client.request('detach', { session: this.id }, { resend: false }).catch(() => {});
  }

  // Called by the client

  /** Reads on from the last event held, or from a snapshot when nothing is held. */
  async attach() {
    if (!this.#client.isOpen || this.status.name === 'detached' || this.status.name === 'erased') return;
    const attachment = ++this.#attachment;
    const resumes = this.state.seq > 0;
    this.#accepts = 'nothing';
    this.#become('attaching');
    try {
      if (this.#create && !resumes) await this.#client.request('create', { session: this.id }, { resend: false });
      if (attachment !== this.#attachment) return;
      const start = resumes ? { after: this.state.seq } : { from: 'snapshot' };
      const answer = this.#client.request('attach', { session: this.id, presence: true, ...start }, { resend: false });
      // What follows the answer may come in the same turn, before the promise is heard.
      this.#accepts = resumes ? 'events' : 'snapshot';
      const { seq } = await answer;
      if (attachment !== this.#attachment) return;
      this.#tail = seq;
      this.#checkLive();
    } catch (error) {
      if (attachment === this.#attachment) this.#attachFailed(error);
    }
  }

  receive(frame) {
    if (frame.run !== undefined) return; // For the agent that holds the run.
    if (frame.error) return this.#ended(ThroughlineError.from(frame.error));
    if (frame.snapshot && this.#accepts === 'snapshot') return this.#takeSnapshot(frame.snapshot);
    if (frame.presence) return this.hear(frame.presence);
    if (frame.events && this.#accepts === 'events') this.#takeEvents(frame.events);
  }

  dropped() {
    this.#attachment++;
    this.#accepts = 'nothing';
    this.hear([]);
    if (this.status.name === 'attaching' || this.status.name === 'live') this.#become('interrupted');
  }

  outboxChanged() {
    this.emit('outbox');
  }

  // Inside

  #takeSnapshot(snapshot) {
    this.#accepts = 'events';
    this.state = fromSnapshot(snapshot);
    this.#settleOutbox(this.state.inputs.map((input) => input.id));
    this.emit('change', [{ kind: 'snapshot', id: this.id }], this.state);
    this.#checkLive();
  }

  #takeEvents(events) {
    const { state, changes, gap } = apply(this.state, events);
    this.counts.duplicates += events.filter((event) => event.seq <= this.state.seq).length;
    this.state = state;
    this.#settleOutbox(changes.filter((change) => change.kind === 'input').map((change) => change.id));
    if (changes.length) this.emit('change', changes, state);
    if (gap) return this.#startOver();
    this.#failures = 0;
    this.#checkLive();
  }

  #checkLive() {
    if (this.#accepts !== 'events' || this.status.name !== 'attaching' || this.state.seq < this.#tail || !this.#tail) return;
    this.#become('live');
  }

  /** The events did not follow on: what is held cannot be trusted, so a snapshot replaces it. */
  #startOver() {
    this.counts.gaps++;
    this.state = { ...this.state, seq: 0 };
    this.#accepts = 'nothing';
    this.#attachment++;
    this.#tail = 0;
    this.#become('attaching');
    this.#client.request('detach', { session: this.id }, { resend: false }).catch(() => {});
    this.#attachLater();
  }

  #attachFailed(error) {
    if (error.code === 'connection_lost' || error.code === 'closed' || error.code === 'refused') return;
    if (error.code === 'cursor_ahead') return this.#startOver();
    if (FINAL.has(error.code)) return this.#ended(error);
    this.#attachLater();
  }

  #attachLater() {
    const attachment = this.#attachment;
    const delay = this.#failures++ ? backoff(this.#failures, { random: this.#client.random }) : 0;
    this.#client.clock.setTimeout(() => { if (attachment === this.#attachment) this.attach(); }, delay);
  }

  #ended(error) {
    this.#accepts = 'nothing';
    this.#attachment++;
    this.#become(ENDED[error.code] ?? 'refused', error);
  }

  #settleOutbox(ids) {
    for (const id of ids) if (this.#client.outbox.get(id)) this.#client.outbox.remove(id);
  }

  #become(name, error) {
    if (this.status.name === name && !error) return;
    this.status = error ? { name, error } : { name };
    this.emit('status', this.status);
  }
}

const ENDED = { session_erased: 'erased', session_not_found: 'missing' };
