/** The message box: Enter sends, Shift+Enter breaks the line, Escape stops; a draft is kept for every session. */
export class Composer {
  #elements;
  #handlers;
  #session = '';

  /** `elements`: `form`, `field`, `send`, `stop`. `handlers`: `send(text)` answers whether it was taken, `stop()`. */
  constructor(elements, handlers) {
    this.#elements = elements;
    this.#handlers = handlers;
    const { form, field, stop } = elements;
    form.addEventListener('submit', (event) => { event.preventDefault(); this.#submit(); });
    field.addEventListener('input', () => this.#changed());
    field.addEventListener('keydown', (event) => this.#key(event));
    stop.addEventListener('click', () => { handlers.stop(); field.focus(); });
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !elements.stop.hidden && !event.defaultPrevented && !document.querySelector('dialog[open]')) handlers.stop();
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

  setEnabled(isEnabled, why = 'Write a message') {
    this.#elements.field.disabled = !isEnabled;
    this.#elements.field.placeholder = why;
    this.#changed();
  }

  #submit() {
    const text = this.#elements.field.value.trim();
    if (!text || this.#elements.field.disabled) return;
    write(this.#draftKey(), '');
    if (this.#handlers.send(text)) this.fill('');
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
