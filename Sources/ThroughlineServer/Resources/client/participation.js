import { backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { find } from './state.js';

const PAGE = 1000;

/**
 * What a person does in a session besides reading it and sending to it: order what waits, command agents, answer what they ask,
 * answer in their place, and be seen.
 *
 * `Session` is one. Emits `presence` with who is here.
 */
export class Participation extends Emitter {
  id;
  /** Who is here, as the server said last: live only, and empty while nothing is read. */
  presence = [];

  #client;

  constructor(id, client) {
    super();
    this.id = id;
    this.#client = client;
  }

  // What waits

  /** Takes back an input that nobody has taken yet. */
  withdraw(id) {
    return this.insist('input.withdraw', { session: this.id, input: id });
  }

  /** Sends an edit of an input that was taken: it stands beside it, and is followed. */
  revise(id, content, { agent, as = this.#client.mint('i') } = {}) {
    return this.insist('input', { session: this.id, input: { id: as, parts: partsOf(content), replaces: id, ...(agent && { agent }) } });
  }

  /** Asks for another answer to an input. */
  regenerate(id, { agent, as = this.#client.mint('i') } = {}) {
    return this.insist('regenerate', { session: this.id, input: id, new: as, ...(agent && { agent }) });
  }

  /** Has the conversation follow this input and not those beside it, for everybody. */
  follow(id) {
    return this.insist('branch', { session: this.id, input: id });
  }

  /** Sets how the session is to treat messages, and what else its policies say; what is not named stays. */
  setPolicies(policies) {
    return this.insist('update', { session: this.id, policies });
  }

  /**
   * Makes a new session that begins as this one was after an event, by default the last one here, and answers its id. `after`: the id
   * of a run that has ended, and whose end is that event.
   */
  async fork({ at, after, title, as = this.#client.mint('s') } = {}) {
    const place = at ?? (after ? await this.#endOf(after) : this.state.seq);
    await this.insist('fork', { session: this.id, new: as, at: place, ...(title && { title }) });
    return as;
  }

  /** The number of the event with which a run ended: looked for in the log, since the state keeps only the time. */
  async #endOf(run) {
    for (let after = find(this.state, 'runs', run)?.seq ?? 0; ;) {
      const { events, tail } = await this.insist('events', { session: this.id, after, limit: PAGE });
      const end = events.find((event) => event.type === 'run.ended' && event.run.id === run);
      if (end || !events.length) return end?.seq ?? tail;
      after = events.at(-1).seq;
    }
  }

  /** Changes what an input says that nobody has taken yet. */
  edit(id, content) {
    return this.insist('input.update', { session: this.id, input: id, parts: partsOf(content) });
  }

  /** Moves a queued input before another, or behind all. */
  move(id, before = null) {
    return this.insist('input.update', { session: this.id, input: id, before });
  }

  // Agents at work. Each answers the command as the server accepted or rejected it, and is tried again under one id until then, for
  // at most `timeout` milliseconds.

  /** Asks for a cancel of `target`, by default of everything active here. */
  stop(target = { all: true }, { timeout } = {}) {
    return this.#command('cancel', target, {}, timeout);
  }

  /** Tells the agent at work something more; `otherwise: 'input'` sends it as an input if no run takes it in. */
  steer(content, { target = { all: true }, otherwise, timeout } = {}) {
    return this.#command('steer', target, { parts: partsOf(content), ...(otherwise && { otherwise }) }, timeout);
  }

  /** Ends what an agent is saying; its run goes on, with `content` if there is any. */
  interrupt(content, { target = { all: true }, timeout } = {}) {
    return this.#command('interrupt', target, content === undefined ? {} : { parts: partsOf(content) }, timeout);
  }

  /** Asks an agent to stop until it is resumed. */
  pause(target = { all: true }, { timeout } = {}) {
    return this.#command('pause', target, {}, timeout);
  }

  resume(target = { all: true }, { timeout } = {}) {
    return this.#command('resume', target, {}, timeout);
  }

  async #command(verb, target, fields, timeout) {
    const command = { id: this.#client.mint('c'), verb, target, ...fields };
    return (await this.insist('command', { session: this.id, command }, timeout)).command;
  }

  // People

  /**
   * Answers a request of an agent, and gives the request as it stands then. Throws `request_resolved`, with the `request` and its
   * answer, when somebody else was first, and `request_changed` when the agent has changed what it asks.
   */
  async answer(request, value, { note } = {}) {
    const { digest } = find(this.state, 'requests', request) ?? {};
    const answer = { id: this.#client.mint('a'), value, ...(digest && { digest }), ...(note && { note }) };
    return (await this.insist('answer', { session: this.id, request, answer })).request;
  }

  /** As an operator: says something, to everyone or only to `audience`. `answers`: ids of queued inputs that it answers. */
  say(content, { audience, answers = [], id = this.#client.mint('m') } = {}) {
    const message = { id, parts: partsOf(content), ...(audience && { audience }), ...(answers.length && { answers }) };
    return this.insist('say', { session: this.id, message });
  }

  /** As an operator: takes the baton, and the agents wait. Rejected, as other commands may be, while another operator has it. */
  takeover({ timeout } = {}) {
    return this.#command('takeover', { all: true }, {}, timeout);
  }

  /** As an operator: gives the baton back, perhaps with a note for the agents. */
  handback(note, { timeout } = {}) {
    return this.#command('handback', { all: true }, note ? { parts: partsOf(note) } : {}, timeout);
  }

  /** Tells the others that somebody types here. What cannot be told now is not told later. */
  typing(isTyping = true) {
    this.#tell('presence', { typing: isTyping });
  }

  /** Says that the session was seen up to an event on this device. */
  seen(seq = this.state.seq) {
    this.#tell('read', { seq });
  }

  /** Called by the session: who is here now. */
  hear(presence) {
    this.presence = presence;
    this.emit('presence', presence);
  }

  /** Sends until the server has answered; `fields` carry the id that makes it harmless. */
  async insist(op, fields, timeout = 60_000) {
    const { clock, random } = this.#client;
    const end = clock.now() + timeout;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#client.request(op, fields, { timeout: Math.min(15_000, end - clock.now()) });
      } catch (error) {
        const delay = backoff(attempt, { random });
        if (!error.isTransient || error.code === 'refused' || clock.now() + delay >= end) throw error;
        await new Promise((resume) => { clock.setTimeout(resume, delay); });
      }
    }
  }

  #tell(op, fields) {
    if (this.status.name === 'live') this.#client.request(op, { session: this.id, ...fields }, { resend: false }).catch(() => {});
  }
}

/** Text as the parts of a message; parts as they are. */
export function partsOf(content) {
  return typeof content === 'string' ? [{ kind: 'text', text: content }] : content;
}
