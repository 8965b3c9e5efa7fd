import { find } from '../client/throughline.js';
import { arrange } from './dom.js';
import { itemView } from './item-views.js';
import { itemsOf, textOf } from './items.js';

const NEAR = 80;

/** Shows one session, follows its end unless the reader went up, and tells screen readers of finished messages only. */
export class Conversation {
  #elements;
  #context;
  #session = null;
  #views = new Map();
  #unlisten = [];
  #dirty = { all: false, messages: new Set() };
  #isScheduled = false;
  #follows = true;
  /** The size of the conversation and of its window when they were last looked at. */
  #size = '';

  /** `elements`: `list`, `scroller`, `jump`, `announcer`. `context`: `me`, `mayAct`, `isConnected`, `sendAgain`, `edit`, `fork`, `report`. */
  constructor(elements, context) {
    this.#elements = elements;
    this.#context = context;
    elements.scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    elements.jump.addEventListener('click', () => this.followEnd());
    new ResizeObserver(() => this.#keepEnd()).observe(elements.list);
    new ResizeObserver(() => this.#keepEnd()).observe(elements.scroller);
  }

  /** Shows `session`, or nothing. */
  show(session) {
    for (const unlisten of this.#unlisten) unlisten();
    this.#views.clear();
    this.#elements.list.replaceChildren();
    this.#session = session;
    this.#follows = true;
    this.#unlisten = session ? [
      session.on('change', (changes) => this.#changed(changes)),
      session.on('outbox', () => this.refresh()),
    ] : [];
    this.refresh();
  }

  /** Draws everything that may have changed at the next frame. */
  refresh() {
    this.#dirty.all = true;
    this.#schedule();
  }

  /** Whether the reader sees what is said last. */
  get isAtEnd() {
    return this.#follows && !document.hidden;
  }

  followEnd() {
    this.#follows = true;
    this.#elements.scroller.scrollTop = this.#elements.scroller.scrollHeight;
    this.#elements.jump.hidden = true;
  }

  #changed(changes) {
    for (const change of changes) {
      if (change.kind === 'part' && change.appended) this.#dirty.messages.add(change.message);
      else this.#dirty.all = true;
      if (change.kind === 'message') this.#announce(change.id);
    }
    this.#schedule();
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#draw();
    });
  }

  #draw() {
    const { all, messages } = this.#dirty;
    this.#dirty = { all: false, messages: new Set() };
    if (!this.#session) return;
    const { state, pending } = this.#session;
    if (all) this.#drawAll(itemsOf(state, pending));
    else for (const id of messages) this.#drawMessage(state, find(state, 'messages', id));
    this.#keepEnd();
  }

  #drawAll(items) {
    const context = { ...this.#context, session: this.#session, toolName: (call) => this.#toolName(call) };
    const views = new Map(items.map((item) => [item.key, this.#views.get(item.key) ?? itemView(item, context)]));
    for (const item of items) views.get(item.key).update(item);
    this.#views = views;
    arrange(this.#elements.list, [...views.values()].map((view) => view.element));
  }

  #drawMessage(state, message) {
    this.#views.get(`message ${message.id}`)?.update({ message, run: message.run && find(state, 'runs', message.run) });
  }

  #toolName(call) {
    const parts = this.#session.state.messages.flatMap((message) => message.parts);
    return parts.find((part) => part.kind === 'tool-call' && part.call === call)?.name;
  }

  #announce(id) {
    const message = find(this.#session.state, 'messages', id);
    if (message.status === 'streaming' || message.role === 'user') return;
    const how = { complete: 'Answer', cancelled: 'Stopped answer', interrupted: 'Answer cut off' }[message.status];
    this.#elements.announcer.textContent = `${how}: ${textOf(message).slice(0, 1500)}`;
  }

  #scrolled() {
    const { scroller, jump } = this.#elements;
    const isNear = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    // Whoever is far from the end although nothing else has changed went there by themselves.
    if (isNear || this.#size === sizeOf(scroller)) this.#follows = isNear;
    jump.hidden = this.#follows;
  }

  #keepEnd() {
    if (this.#follows) this.#elements.scroller.scrollTop = this.#elements.scroller.scrollHeight;
    else this.#elements.jump.hidden = false;
    this.#size = sizeOf(this.#elements.scroller);
  }
}

function sizeOf({ scrollHeight, clientHeight }) {
  return `${scrollHeight} ${clientHeight}`;
}
