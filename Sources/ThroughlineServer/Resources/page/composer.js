import { h } from './dom.js';

const TYPING_MILLISECONDS = 3000;

/** The message box: Enter sends, Shift+Enter breaks the line, Escape stops; a draft is kept for every session. */
export class Composer {
  #elements;
  #handlers;
  #session = '';
  #manners = [];
  #typedAt = 0;

  /**
   * `elements`: `form`, `field`, `send`, `stop`, `manner` (a select). `handlers`: `send(text, manner)` answers whether it was taken;
   * `stop()`; `typing(isTyping)`.
   */
  constructor(elements, handlers) {
    this.#elements = elements;
    this.#handlers = handlers;
    const { form, field, stop } = elements;
    form.addEventListener('submit', (event) => { event.preventDefault(); this.#submit(); });
    field.addEventListener('input', () => { this.#changed(); this.#type(); });
    field.addEventListener('keydown', (event) => this.#key(event));
    stop.addEventListener('click', () => { handlers.stop(); field.focus(); });
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !elements.stop.hidden && !event.defaultPrevented && !document.querySelector('dialog[open], :popover-open')) handlers.stop();
    });
  }

  /** Turns to a session, with its draft. */
  show(session) {
    this.#session = session;
    this.fill(read(this.#draftKey()) ?? '');
  }

  fill(text) {
    this.#elements.field.value = text;
    this.#changed();
  }

  focus() {
    this.#elements.field.focus();
  }

  setActive(isActive) {
    const { stop, field } = this.#elements;
    if (stop.hidden === !isActive) return;
    const hadFocus = document.activeElement === stop;
    stop.hidden = !isActive;
    if (hadFocus) field.focus();
  }

  /** Offers the ways in which a message can be meant. What was chosen stays, as long as it is offered. */
  setManners(manners) {
    const { manner } = this.#elements;
    manner.hidden = manners.length < 2;
    if (manners === this.#manners) return;
    const chosen = manner.value;
    this.#manners = manners;
    manner.replaceChildren(...manners.map(({ value, label }) => h('option', { value }, label)));
    if (manners.some(({ value }) => value === chosen)) manner.value = chosen;
  }

  setEnabled(isEnabled, why = 'Write a message') {
    this.#elements.field.disabled = !isEnabled;
    this.#elements.field.placeholder = why;
    this.#changed();
  }

  #submit() {
    const text = this.#elements.field.value.trim();
    if (!text || this.#elements.field.disabled) return;
    write(this.#draftKey(), '');
    this.#type(false);
    if (this.#handlers.send(text, this.#manners.find(({ value }) => value === this.#elements.manner.value))) this.fill('');
  }

  /** Says that one types, not oftener than has to be. */
  #type(isTyping = this.#elements.field.value !== '') {
    const now = Date.now();
    if (isTyping ? now - this.#typedAt < TYPING_MILLISECONDS : this.#typedAt === 0) return;
    this.#typedAt = isTyping ? now : 0;
    this.#handlers.typing(isTyping);
  }

  #key(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#submit();
  }

  #changed() {
    const { field, send } = this.#elements;
    send.disabled = field.disabled || field.value.trim() === '';
    field.style.height = 'auto';
    field.style.height = `${Math.min(field.scrollHeight, 220)}px`;
    write(this.#draftKey(), field.value);
  }

  #draftKey() {
    return `throughline.draft ${this.#session}`;
  }
}

function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key, text) {
  try {
    if (text) localStorage.setItem(key, text);
    else localStorage.removeItem(key);
  } catch {
    // No draft is kept, nothing else is lost.
  }
}
