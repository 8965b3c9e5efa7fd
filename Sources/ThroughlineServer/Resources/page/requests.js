import { find, findPart } from '../client/throughline.js';
import { arrange } from './dom.js';
import { outcomeOf } from './request-words.js';
import { RequestView } from './request-view.js';

/** What agents ask and nobody has answered yet, above the message box, where it is seen on every surface. */
export class Requests {
  #element;
  #context;
  #session = null;
  #views = new Map();
  #known = new Set();

  /** `context`: `me`, `answer(id, value)`, `tell(text)` for screen readers, `focus()` for when the last is over. */
  constructor(element, context) {
    this.#element = element;
    this.#context = context;
    setInterval(() => this.#tick(), 1000);
  }

  /** Draws the open requests of `session`, or none. */
  show(session) {
    if (session !== this.#session) {
      this.#session = session;
      this.#views.clear();
      this.#known.clear();
    }
    const open = session ? session.state.requests.filter(({ state }) => state === 'open') : [];
    const had = this.#focused();
    this.#views = new Map(open.map((request) => [request.id, this.#views.get(request.id) ?? new RequestView(request, this.#viewContext())]));
    for (const request of open) this.#views.get(request.id).update(request, find(session.state, 'runs', request.run));
    arrange(this.#element, [...this.#views.values()].map(({ element }) => element));
    this.#element.hidden = open.length === 0;
    if (![...this.#views.values()].some(({ element }) => element.open)) this.#views.values().next().value?.unfold();
    if (had && !this.#views.has(had)) (this.#views.values().next().value ?? this.#context).focus();
    this.#announce(open);
  }

  #viewContext() {
    const session = this.#session;
    return {
      me: this.#context.me, answer: this.#context.answer, textOfPart: (id) => findPart(session.state, id)?.text,
    };
  }

  #focused() {
    return this.#element.contains(document.activeElement) && document.activeElement.closest('.ask')?.dataset.requestId;
  }

  #announce(open) {
    for (const request of open) if (!this.#known.has(request.id)) this.#context.tell(`${request.by.id} asks: ${request.prompt}`);
    for (const id of this.#known) {
      const request = find(this.#session.state, 'requests', id);
      if (request && request.state !== 'open') this.#context.tell(`${request.prompt} ${outcomeOf(request)}`);
    }
    this.#known = new Set(open.map(({ id }) => id));
  }

  #tick() {
    for (const [id, view] of this.#views) view.tick(find(this.#session.state, 'requests', id));
  }
}
