import { h } from './dom.js';
import { nameOf } from './run-tree.js';
import { choicesOf, mayAnswer, timeLeft } from './request-words.js';
import { schemaForm } from './schema-form.js';

/** An open request: who asks, what exactly, for how long, and the way to answer it. */
export class RequestView {
  #context;
  #answer;
  #shown = null;
  #isSending = false;
  #asks = h('span', { class: 'ask-who', dir: 'auto' });
  #left = h('span', { class: 'ask-left' });
  #prompt = h('span', { class: 'ask-prompt', dir: 'auto' });
  #details = h('div', { class: 'ask-details' });
  #form = h('form', { class: 'ask-form' });
  #problem = h('p', { class: 'ask-problem', role: 'alert', hidden: true });
  element;

  /** `context`: `me`; `answer(id, value)` answers the promise of the request's end. */
  constructor({ id }, context) {
    this.#context = context;
    this.#answer = (value) => this.#send(id, value);
    this.element = h('details', { class: 'ask', name: 'ask', data: { testid: 'request', requestId: id, state: 'open' } },
      h('summary', {}, h('span', { class: 'ask-head' }, this.#asks, this.#left), this.#prompt), this.#details, this.#form, this.#problem);
    this.#form.addEventListener('submit', (event) => event.preventDefault());
  }

  update(request, run) {
    this.#asks.textContent = `${run ? nameOf(run) : request.by.id} asks`;
    this.#prompt.textContent = request.prompt;
    this.tick(request);
    const key = JSON.stringify([request.kind, request.arguments, request.digest, request.part, request.choices, request.schema]);
    if (key === this.#shown) return;
    if (this.#shown) this.#complain('This has changed. Look at it again.');
    this.#shown = key;
    const given = request.arguments ?? (request.part && this.#context.textOfPart(request.part));
    this.#details.replaceChildren(...(given === undefined ? [] : [
      h('pre', { tabindex: '0', 'aria-label': request.tool ? `What ${request.tool} is given` : 'What exactly' }, pretty(given))]));
    this.#details.hidden = given === undefined;
    this.#form.replaceChildren(...(mayAnswer(request, this.#context.me) ? this.#controls(request) : [h('p', { class: 'ask-left' }, 'Somebody else is asked')]));
  }

  /** The time goes on. */
  tick({ deadline }) {
    this.#left.textContent = timeLeft(deadline, Date.now());
  }

  /** Unfolds it; others may stay folded until it is their turn. */
  unfold() {
    this.element.open = true;
  }

  focus() {
    this.unfold();
    this.#form.querySelector('button, input, textarea, select')?.focus();
  }

  #controls(request) {
    if (request.kind === 'approval') {
      return [h('div', { class: 'buttons' }, this.#button('No', 'refuse', () => false, 'quiet outlined'), this.#button('Yes', 'approve', () => true, 'primary'))];
    }
    if (request.kind === 'choice') {
      return [h('div', { class: 'choices' }, choicesOf(request).map(({ id, label }) => this.#button(label, 'choose', () => id, 'outlined')))];
    }
    const fields = schemaForm(request.kind === 'client-tool' ? request.schema ?? {} : request.schema);
    return [...fields.elements, h('div', { class: 'buttons' }, this.#button('Answer', 'answer', fields.value, 'primary'))];
  }

  #button(label, testid, value, look) {
    return h('button', { type: 'button', class: look, dir: 'auto', data: { testid }, onclick: () => this.#answer(value) }, label);
  }

  async #send(id, value) {
    if (this.#isSending) return;
    let said;
    try {
      said = value();
    } catch {
      return this.#complain('That is not JSON.');
    }
    this.#isSending = true;
    this.element.setAttribute('aria-busy', 'true');
    this.#problem.hidden = true;
    try {
      await this.#context.answer(id, said);
    } catch (error) {
      this.#complain(error.detail || error.message);
    }
    this.#isSending = false;
    this.element.removeAttribute('aria-busy');
  }

  #complain(text) {
    this.#problem.textContent = text;
    this.#problem.hidden = false;
  }
}

function pretty(value) {
  if (typeof value !== 'string') return JSON.stringify(value, null, 2);
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
