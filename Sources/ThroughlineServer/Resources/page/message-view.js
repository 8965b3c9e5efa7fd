import { copyButton, h, icon } from './dom.js';
import { endOf, textOf } from './items.js';
import { partView } from './part-view.js';
import { isOpen, nameOf } from './run-tree.js';

/** What an agent says, or a person who answers in its place. */
export class MessageView {
  #context;
  #views = new Map();
  #parts = h('div', { class: 'parts' });
  #dots = h('p', { class: 'dots', 'aria-label': 'Writing' }, h('i'), h('i'), h('i'));
  #end = h('p', { class: 'end' });
  #copy = copyButton(() => textOf(this.#message), 'Copy the answer');
  #again = h('button', { type: 'button', class: 'quiet small', data: { testid: 'regenerate' }, onclick: () => this.#regenerate() }, icon('again'), h('span', {}, 'Another answer'));
  #fork = h('button', { type: 'button', class: 'quiet small', title: 'A new chat of everything up to here', data: { testid: 'fork' }, onclick: () => this.#context.fork({ after: this.#run.id }) }, icon('fork'), h('span', {}, 'Fork from here'));
  #author = h('span', { dir: 'auto' });
  #badge = h('span', { class: 'badge' });
  #message;
  #run;
  element;

  constructor(context) {
    this.#context = context;
    this.element = h('li', { class: 'item message', data: { testid: 'message' } }, h('article', {},
      h('p', { class: 'author' }, this.#author, this.#badge), this.#parts, this.#dots, this.#end, h('div', { class: 'actions' }, this.#copy, this.#again, this.#fork)));
  }

  update({ message, run }) {
    this.#message = message;
    this.#run = run;
    const { element } = this;
    Object.assign(element.dataset, { role: message.role, status: message.status, messageId: message.id, audience: message.audience ?? 'everyone' });
    this.#author.textContent = ROLES[message.role] ?? ((run ? nameOf(run) : message.by?.id) || 'Assistant');
    this.#badge.textContent = badgeOf(message);
    this.#badge.hidden = !this.#badge.textContent;
    element.firstChild.setAttribute('aria-label', `${this.#author.textContent} wrote`);
    element.firstChild.setAttribute('aria-busy', String(message.status === 'streaming'));
    element.classList.toggle('below', Boolean(run?.parent));
    this.#updateParts(message.parts);
    this.#updateEnd(message, run);
  }

  #updateEnd(message, run) {
    const end = endOf(message, run);
    this.element.classList.toggle('streaming', message.status === 'streaming');
    this.element.dataset.end = end?.name ?? '';
    this.#end.textContent = end?.text ?? '';
    this.#end.hidden = !end;
    const last = message.parts.at(-1);
    this.#dots.hidden = message.status !== 'streaming' || (last?.status === 'streaming' && last.text !== '');
    this.#copy.hidden = message.status === 'streaming' || textOf(message) === '';
    this.#fork.hidden = !(this.#context.mayAct && run && !isOpen(run) && message.status !== 'streaming');
    this.#again.hidden = !(this.#context.mayAct && run && !isOpen(run) && run.inputs.length === 1 && message.status !== 'streaming');
  }

  #updateParts(parts) {
    for (const part of parts) {
      let held = this.#views.get(part.id);
      if (held?.part === part) continue;
      if (!held) {
        held = { view: partView(part, this.#context) };
        this.#views.set(part.id, held);
        this.#parts.append(held.view.element);
      }
      held.part = part;
      held.view.update(part);
    }
  }

  #regenerate() {
    const [input] = this.#run.inputs;
    this.#context.report(this.#context.session.regenerate(input));
  }
}

const ROLES = { system: 'System', tool: 'Tool', user: 'User' };

function badgeOf({ role, audience }) {
  const seen = { agents: 'to agents only', operators: 'to operators only' }[audience];
  return [role === 'operator' && 'a person', seen].filter(Boolean).join(', ');
}
