// The state of a session as a pure function of its events: no clock, no I/O.
//
// A state is never changed: `apply` answers a new one that shares what stayed the same, so that `===` tells what changed.
// Items are never removed and keep their order, so an id's place in its array is fixed; `places` is shared by all states.

import { byteLength, dropBytes } from './text.js';

/** The state before the first event. */
export function emptyState() {
  return {
    seq: 0, session: null, inputs: [], queue: [], branches: [], runs: [], messages: [], requests: [], commands: [], baton: null,
    places: {
      inputs: new Map(), runs: new Map(), messages: new Map(), requests: new Map(), commands: new Map(), parts: new Map(),
    },
  };
}

/** The state that a `snapshot` describes. */
export function fromSnapshot(snapshot) {
  const state = emptyState();
  state.seq = snapshot.seq;
  state.session = snapshot.session ?? null;
  state.baton = snapshot.baton ?? null;
  if (snapshot.more) state.more = true;
  state.queue = [...(snapshot.queue ?? [])];
  state.branches = snapshot.branches ?? [];
  for (const kind of ['inputs', 'runs', 'messages', 'requests', 'commands']) {
    state[kind] = [...(snapshot[kind] ?? [])];
    state[kind].forEach((item, place) => state.places[kind].set(item.id, place));
  }
  state.messages = state.messages.map((message) => ({
    ...message,
    parts: (message.parts ?? []).map((part, place) => {
      state.places.parts.set(part.id, { message: message.id, place });
      return { ...part, bytes: byteLength(part.text ?? ''), text: part.text ?? '' };
    }),
  }));
  return state;
}

/**
 * `state` after `events`, in order. Events already held are skipped.
 *
 * Answers `{state, changes, gap}`. `changes` names each changed thing once: `{kind, id}`, for a part with its `message` too,
 * and with `appended: true` when nothing but its text grew. `gap` is null, or why the events do not follow on; then `state`
 * is the one before the event that did not fit, and the caller must start again from a snapshot.
 */
export function apply(state, events) {
  const draft = new Draft(state);
  for (const event of events) {
    const gap = draft.take(event);
    if (gap) return { state: draft.finish(), changes: draft.changes(), gap };
  }
  return { state: draft.finish(), changes: draft.changes(), gap: null };
}

/** The item of `kind` (`inputs`, `runs`, `messages`, `requests`, `commands`) with this id, if there is one. */
export function find(state, kind, id) {
  const place = state.places[kind].get(id);
  return place === undefined ? undefined : state[kind][place];
}

/** The part with this id, if there is one. */
export function findPart(state, id) {
  const at = state.places.parts.get(id);
  return at && find(state, 'messages', at.message)?.parts[at.place];
}

/** The messages that stand: without those whose step, or whole run, was begun again. */
export function standingMessages(state) {
  return state.messages.filter((message) => !message.superseded);
}

/** The inputs beside this one, itself included, with the one that is followed; undefined where it stands alone. */
export function branchOf(state, id) {
  return state.branches.find(({ siblings }) => siblings.includes(id));
}

/**
 * The ids of the inputs that the conversation follows now, or null when it has no branches and follows all.
 *
 * An input stands behind the one before it, unless it says `after`; one that `replaces` another stands where that one does.
 */
export function followedInputs(state) {
  if (!state.branches.length) return null;
  const passed = new Set(state.branches.flatMap(({ siblings, selected }) => siblings.filter((id) => id !== selected)));
  const previous = new Map();
  const isFollowed = new Map();
  let leaf;
  state.inputs.forEach((input, place) => {
    const before = input.replaces ? previous.get(input.replaces) : input.after ?? state.inputs[place - 1]?.id;
    previous.set(input.id, before);
    isFollowed.set(input.id, !passed.has(input.id) && (before === undefined || isFollowed.get(before)));
    if (isFollowed.get(input.id)) leaf = input.id;
  });
  const followed = new Set();
  for (let id = leaf; id !== undefined; id = previous.get(id)) followed.add(id);
  return followed;
}

/** Whether the conversation follows a run, as `followedInputs` says: by its inputs, or its parent's, or always without any. */
export function isFollowedRun(state, followed, run) {
  if (!followed || !run) return true;
  if (run.inputs.length) return run.inputs.some((id) => followed.has(id));
  return run.parent ? isFollowedRun(state, followed, find(state, 'runs', run.parent)) : true;
}

/** The runs that have not ended, oldest first: `active`, or `waiting` for something. */
export function activeRuns(state) {
  return state.runs.filter((run) => run.state === 'active' || run.state === 'waiting');
}

/** The inputs that wait, in the order in which they will be handed out. */
export function queuedInputs(state) {
  return state.queue.map((id) => find(state, 'inputs', id));
}

/** The commands that wait for the agent of a run. */
export function pendingCommands(state, run) {
  return state.commands.filter((command) => command.run === run && command.state === 'accepted');
}

const INPUT_AFTER_RUN = { completed: 'answered', failed: 'unanswered', lost: 'unanswered', cancelled: 'cancelled' };
const MESSAGE_AFTER_RUN = { completed: 'complete', failed: 'interrupted', lost: 'interrupted', cancelled: 'cancelled' };

class Draft {
  #state;
  #copied = new Set();
  #changes = new Map();

  constructor(state) {
    this.#state = { ...state };
  }

  finish() {
    return this.#state;
  }

  changes() {
    return [...this.#changes.values()];
  }

  /** Takes one event, plain or merged; answers why not when it does not follow on. */
  take(event) {
    const state = this.#state;
    if (event.seq <= state.seq) return null;
    const first = event.from ?? event.seq;
    if (first > state.seq + 1) return `event ${first} came after ${state.seq}`;
    const problem = this.#apply(event);
    if (problem) return problem;
    state.seq = event.seq;
    if (state.session && event.at) state.session = { ...state.session, updated: event.at };
    return null;
  }

  #apply(event) {
    switch (event.type) {
      case 'session.created':
      case 'session.updated':
      case 'session.closed': return this.#session(event);
      case 'input.added': return this.#inputAdded(event);
      case 'input.updated': return this.#inputUpdated(event.input);
      case 'input.withdrawn': return this.#inputWithdrawn(event.input);
      case 'run.started': return this.#runStarted(event);
      case 'run.updated': return this.#runUpdated(event.run);
      case 'run.waiting': return this.#change('runs', event.run.id, { state: 'waiting', waiting: event.run.reason });
      case 'run.resumed': return this.#change('runs', event.run.id, { state: 'active', waiting: undefined });
      case 'branch.switched': return this.#select(event.branch.input);
      case 'run.queued': return this.#runQueued(event.run);
      case 'run.adopted': return this.#change('runs', event.run.id, { epoch: event.run.epoch });
      case 'run.ended': return this.#runEnded(event);
      case 'step.started': return this.#stepStarted(event.step);
      case 'step.ended': return this.#stepEnded(event.step);
      case 'message.started':
        return this.#add('messages', { ...event.message, ...origin(event), status: 'streaming', parts: [] });
      case 'message.ended': return this.#messageEnded(event.message.id, event.message.status);
      case 'part.started': return this.#partStarted(event.part);
      case 'part.appended': return this.#appended(event);
      case 'part.ended': return this.#changePart(event.part.id, { status: event.part.status });
      case 'command.requested':
        return this.#add('commands', { ...event.command, ...origin(event), state: 'requested' });
      case 'command.accepted':
      case 'command.rejected':
      case 'command.deferred':
      case 'command.applied':
      case 'command.expired': return this.#command(event);
      case 'request.opened': return this.#requestOpened(event);
      case 'request.resolved':
      case 'request.expired':
      case 'request.withdrawn': return this.#requestSettled(event);
      case 'input.answered': return this.#inputAnswered(event.input);
      case 'baton.taken':
      case 'baton.returned': return this.#baton(event);
      case 'withheld': return null; // Not for this reader.
      default: return null; // A later version's event: it counts, it changes nothing here.
    }
  }

  #session(event) {
    const created = this.#state.session?.created ?? event.at;
    this.#state.session = { ...event.session, created, updated: event.at };
    this.#note('session', event.session.id);
    return null;
  }

  #inputAdded(event) {
    const { before, ...input } = event.input;
    if (find(this.#state, 'inputs', input.id)) return null;
    this.#add('inputs', { ...input, ...origin(event), state: 'queued' });
    this.#enqueue(input.id, before);
    if (input.replaces) this.#addSibling(input.id, input.replaces);
    return null;
  }

  #inputUpdated({ id, parts, before }) {
    const problem = this.#change('inputs', id, parts ? { parts } : {});
    if (!problem && before !== undefined) this.#enqueue(id, before);
    return problem;
  }

  #inputWithdrawn({ id, reason }) {
    this.#dequeue([id]);
    const problem = this.#change('inputs', id, reason === undefined ? { state: 'withdrawn' } : { state: 'withdrawn', reason });
    const branch = branchOf(this.#state, id);
    if (problem || branch?.selected !== id) return problem;
    const other = branch.siblings.findLast((sibling) => find(this.#state, 'inputs', sibling)?.state !== 'withdrawn');
    return other ? this.#select(other) : null;
  }

  #inputAnswered({ id }) {
    this.#dequeue([id]);
    return this.#change('inputs', id, { state: 'answered' });
  }

  /** Puts an input before another of the queue, or behind all. */
  #enqueue(id, before) {
    const queue = this.#state.queue.filter((other) => other !== id);
    const place = queue.indexOf(before);
    queue.splice(place < 0 ? queue.length : place, 0, id);
    this.#state.queue = queue;
  }

  #dequeue(ids) {
    if (ids.length) this.#state.queue = this.#state.queue.filter((id) => !ids.includes(id));
  }

  #addSibling(id, replaces) {
    const branch = branchOf(this.#state, replaces);
    const grown = { siblings: [...(branch?.siblings ?? [replaces]), id], selected: id };
    this.#state.branches = branch ? this.#state.branches.map((other) => (other === branch ? grown : other)) : [...this.#state.branches, grown];
  }

  #select(id) {
    this.#state.branches = this.#state.branches.map((branch) => (branch.siblings.includes(id) ? { ...branch, selected: id } : branch));
    this.#note('input', id);
    return null;
  }

  #runStarted(event) {
    const { lease, ...run } = event.run;
    if (find(this.#state, 'runs', run.id)) {
      // Taken on by another agent: the same run, in its old place.
      const done = new Set(find(this.#state, 'runs', run.id).steps?.filter(({ status }) => status === 'complete').map(({ id }) => id));
      this.#supersede(run.id, (step) => !done.has(step));
      return this.#change('runs', run.id, { accepts: undefined, ...run, state: 'active', notBefore: undefined });
    }
    this.#add('runs', { ...run, inputs: run.inputs ?? [], ...origin(event, false), state: 'active' });
    for (const id of run.inputs ?? []) this.#change('inputs', id, { state: 'claimed', run: run.id });
    this.#dequeue(run.inputs ?? []);
    return null;
  }

  #runUpdated({ id, label, progress, usage }) {
    const known = {};
    if (label !== undefined) known.label = label;
    if (progress !== undefined) known.progress = progress;
    if (usage !== undefined) known.usage = usage;
    return this.#change('runs', id, known);
  }

  /** Its agent was lost: the run waits for another. */
  #runQueued({ id, attempt, notBefore }) {
    return this.#change('runs', id, { state: 'queued', attempt, notBefore, waiting: undefined });
  }

  #runEnded(event) {
    const { id, reason, usage, error } = event.run;
    const known = { state: reason, ended: event.at, waiting: undefined, notBefore: undefined };
    if (usage !== undefined) known.usage = usage;
    if (error !== undefined) known.error = error;
    const run = find(this.#state, 'runs', id);
    if (!run) return `run ${id} ended without a start`;
    this.#change('runs', id, known);
    for (const input of run.inputs ?? []) this.#change('inputs', input, { state: INPUT_AFTER_RUN[reason] });
    for (const message of this.#state.messages) {
      if (message.run === id && message.status === 'streaming') this.#messageEnded(message.id, MESSAGE_AFTER_RUN[reason]);
    }
    return null;
  }

  #stepStarted({ id, run: runId, attempt, label }) {
    const run = find(this.#state, 'runs', runId);
    if (!run) return `step ${id} belongs to no known run`;
    const steps = [...(run.steps ?? [])];
    const place = steps.findIndex((step) => step.id === id);
    const known = { id, attempt, status: 'streaming', ...(label === undefined ? {} : { label }) };
    if (place < 0) {
      steps.push(known);
    } else {
      steps[place] = { ...steps[place], ...known };
      this.#supersede(runId, (step) => step === id);
    }
    return this.#change('runs', runId, { steps });
  }

  #stepEnded({ id, run: runId, status }) {
    const run = find(this.#state, 'runs', runId);
    if (!run) return `step ${id} belongs to no known run`;
    return this.#change('runs', runId, { steps: (run.steps ?? []).map((step) => (step.id === id ? { ...step, status } : step)) });
  }

  /** Another attempt says anew what these messages of a run say. */
  #supersede(run, matches) {
    for (const message of this.#state.messages) {
      if (message.run === run && !message.superseded && matches(message.step)) this.#change('messages', message.id, { superseded: true });
    }
  }

  #messageEnded(id, status) {
    const problem = this.#change('messages', id, { status });
    if (problem) return problem;
    for (const part of find(this.#state, 'messages', id).parts) {
      if (part.status === 'streaming') this.#changePart(part.id, { status });
    }
    return null;
  }

  #partStarted({ message: id, ...part }) {
    const message = find(this.#state, 'messages', id);
    if (!message) return `part ${part.id} belongs to no known message`;
    if (findPart(this.#state, part.id)) return null;
    this.#state.places.parts.set(part.id, { message: id, place: message.parts.length });
    const parts = [...message.parts, { ...part, status: 'streaming', text: '', bytes: 0 }];
    this.#change('messages', id, { parts });
    this.#note('part', part.id, { message: id });
    return null;
  }

  #appended(event) {
    for (const { id, offset, text } of event.parts ?? [event.part]) {
      const part = findPart(this.#state, id);
      if (!part) return `part ${id} is not known`;
      if (offset > part.bytes) return `part ${id} holds ${part.bytes} bytes, the text begins at ${offset}`;
      const fresh = dropBytes(text, part.bytes - offset);
      if (fresh === null) return `part ${id} would be cut inside a character`;
      if (fresh === '') continue;
      this.#changePart(id, { text: part.text + fresh, bytes: part.bytes + byteLength(fresh) }, { appended: true });
    }
    return null;
  }

  #command(event) {
    const { id, ...known } = event.command;
    const state = event.type.slice('command.'.length);
    if (state !== 'deferred') known.state = state;
    const input = find(this.#state, 'commands', id)?.input;
    const problem = this.#change('commands', id, known);
    if (!problem && input !== undefined) this.#follow(find(this.#state, 'inputs', input), find(this.#state, 'commands', id));
    return problem;
  }

  /** A steer that was sent as an input takes it along. */
  #follow(input, { state, run }) {
    if (!input) return;
    if (state === 'accepted' && input.state === 'queued') {
      this.#dequeue([input.id]);
      this.#change('inputs', input.id, { state: 'steering', run });
    } else if (state === 'applied' && input.state === 'steering') {
      this.#change('inputs', input.id, { state: 'claimed' });
      this.#change('runs', run, { inputs: [...find(this.#state, 'runs', run).inputs, input.id] });
    } else if (state === 'expired' && input.state === 'steering') {
      this.#change('inputs', input.id, { state: 'queued', run: undefined });
      this.#enqueue(input.id);
    }
  }

  #baton({ type, seq, at, by, baton }) {
    this.#state.baton = type === 'baton.taken' ? { by, seq, at, limit: baton.limit } : null;
    this.#note('baton', 'baton');
    return null;
  }

  /** Also when its content changed: then it keeps its place, and answers to what it was before are void. */
  #requestOpened(event) {
    const { id } = event.request;
    const known = find(this.#state, 'requests', id);
    if (!known) return this.#add('requests', { ...event.request, ...origin(event), state: 'open' });
    const { seq, at, by, state } = known;
    this.#own('requests')[this.#state.places.requests.get(id)] = { ...event.request, seq, at, by, state };
    this.#note('request', id);
    return null;
  }

  #requestSettled({ type, at, by, request: { id, answer, reason } }) {
    const known = { state: type.slice('request.'.length) };
    if (answer !== undefined) known.answer = { ...answer, by, at };
    if (reason !== undefined) known.reason = reason;
    return this.#change('requests', id, known);
  }

  #add(kind, item) {
    if (find(this.#state, kind, item.id)) return this.#change(kind, item.id, item);
    const items = this.#own(kind);
    this.#state.places[kind].set(item.id, items.length);
    items.push(item);
    this.#note(SINGULAR[kind], item.id);
    return null;
  }

  #change(kind, id, fields) {
    if (!find(this.#state, kind, id)) return `${SINGULAR[kind]} ${id} is not known`;
    const place = this.#state.places[kind].get(id);
    const items = this.#own(kind);
    const item = { ...items[place], ...fields };
    for (const name of Object.keys(fields)) if (fields[name] === undefined) delete item[name];
    items[place] = item;
    this.#note(SINGULAR[kind], id);
    return null;
  }

  #changePart(id, fields, { appended = false } = {}) {
    if (!findPart(this.#state, id)) return `part ${id} is not known`;
    const at = this.#state.places.parts.get(id);
    const messages = this.#own('messages');
    const place = this.#state.places.messages.get(at.message);
    const parts = messages[place].parts.slice();
    parts[at.place] = { ...parts[at.place], ...fields };
    messages[place] = { ...messages[place], parts };
    this.#note('part', id, { message: at.message, appended });
    return null;
  }

  /** The draft's own copy of an array: made once, at its first change. */
  #own(kind) {
    if (!this.#copied.has(kind)) {
      this.#state[kind] = this.#state[kind].slice();
      this.#copied.add(kind);
    }
    return this.#state[kind];
  }

  #note(kind, id, details = {}) {
    const key = `${kind} ${id}`;
    const change = { kind, id, ...details };
    const earlier = this.#changes.get(key);
    if (earlier && kind === 'part') change.appended = Boolean(earlier.appended && details.appended);
    this.#changes.set(key, change);
  }
}

const SINGULAR = { inputs: 'input', runs: 'run', messages: 'message', requests: 'request', commands: 'command' };

function origin(event, withAuthor = true) {
  return withAuthor ? { seq: event.seq, at: event.at, by: event.by } : { seq: event.seq, at: event.at };
}
