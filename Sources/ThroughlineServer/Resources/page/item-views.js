import { copyButton, h } from './dom.js';
import { endOf, textOf } from './items.js';
import { partView } from './part-view.js';

/** The view of one item of the conversation: `element`, and `update(item)`. */
export function itemView(item, context) {
  if (item.kind === 'message') return item.message.role === 'user' ? new InputView(context) : new MessageView(context);
  return item.kind === 'run' ? new RunView() : new InputView(context);
}

class MessageView {
  #context;
  #views = new Map();
  #parts = h('div', { class: 'parts' });
  #dots = h('p', { class: 'dots', 'aria-label': 'Writing' }, h('i'), h('i'), h('i'));
  #end = h('p', { class: 'end' });
  #copy = copyButton(() => textOf(this.#message), 'Copy the answer');
  #author = h('p', { class: 'author' });
  #message;
  element;

  constructor(context) {
    this.#context = context;
    this.element = h('li', { class: 'item message', data: { testid: 'message' } }, h('article', {},
      this.#author, this.#parts, this.#dots, this.#end, h('div', { class: 'actions' }, this.#copy)));
  }

  update({ message, run }) {
    this.#message = message;
    const { element } = this;
    Object.assign(element.dataset, { role: message.role, status: message.status, messageId: message.id });
    this.#author.textContent = message.role === 'assistant' ? run?.label || run?.agent || message.by?.id || 'Assistant' : ROLES[message.role];
    element.firstChild.setAttribute('aria-label', `${this.#author.textContent} wrote`);
    element.firstChild.setAttribute('aria-busy', String(message.status === 'streaming'));
    this.#updateParts(message.parts);
    const end = endOf(message, run);
    element.classList.toggle('streaming', message.status === 'streaming');
    element.dataset.end = end?.name ?? '';
    this.#end.textContent = end?.text ?? '';
    this.#end.hidden = !end;
    const last = message.parts.at(-1);
    this.#dots.hidden = message.status !== 'streaming' || (last?.status === 'streaming' && last.text !== '');
    this.#copy.hidden = message.status === 'streaming' || textOf(message) === '';
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
}

const ROLES = { system: 'System', tool: 'Tool', user: 'User' };

/** A bubble: an input in the session, one on its way, or an earlier message of a user. */
class InputView {
  #context;
  #author = h('p', { class: 'author' });
  #text = h('div', { class: 'bubble', dir: 'auto' });
  #note = h('span', { class: 'note' });
  #actions = h('span', { class: 'note-actions' });
  #shown = '';
  element;

  constructor(context) {
    this.#context = context;
    this.element = h('li', { class: 'item input' }, h('article', {}, this.#author, this.#text, h('p', { class: 'foot' }, this.#note, this.#actions)));
  }

  update({ kind, input, entry, message }) {
    const source = input ?? entry ?? message;
    const author = source.by && source.by.id !== this.#context.me ? source.by.id : '';
    this.#author.textContent = author;
    this.#author.hidden = !author;
    this.#text.textContent = source.parts.map((part) => part.text ?? '').join('\n');
    this.element.firstChild.setAttribute('aria-label', author ? `${author} wrote` : 'You wrote');
    if (kind === 'message') return this.#label('message', { role: message.role, status: message.status, messageId: message.id }, null);
    const state = input ? input.state : entry.state === 'failed' ? 'failed' : 'sending';
    this.#label('input', { inputId: source.id, state }, this.#describe(state, source));
  }

  #label(testid, data, described) {
    Object.assign(this.element.dataset, { testid, ...data });
    const [note, ...actions] = described ?? [''];
    const key = JSON.stringify([note, actions.map(([label]) => label)]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#note.textContent = note;
    this.#actions.replaceChildren(...actions.map(([label, act]) => h('button', { type: 'button', class: 'quiet small', onclick: act }, label)));
    this.element.querySelector('.foot').hidden = !note;
  }

  #describe(state, source) {
    const { session, isConnected } = this.#context;
    switch (state) {
      case 'sending': return [isConnected() ? 'Sending…' : 'Waiting for the connection'];
      case 'failed': return [`Not sent: ${source.reason?.detail || source.reason?.code}`,
        ['Try again', () => session.retry(source.id)], ['Discard', () => session.discard(source.id)]];
      case 'queued': return ['Queued', ['Withdraw', () => this.#context.report(session.withdraw(source.id))]];
      case 'unanswered': return ['Not answered', ['Send again', () => this.#context.sendAgain(source)]];
      case 'cancelled': return ['Stopped'];
      case 'withdrawn': return ['Withdrawn'];
      default: return null;
    }
  }
}

/** A run that has shown nothing: it thinks, or it ended without a word. */
class RunView {
  #text = h('p', { class: 'end' });
  #dots = h('p', { class: 'dots', 'aria-label': 'Working' }, h('i'), h('i'), h('i'));
  element = h('li', { class: 'item message run', data: { testid: 'run' } }, h('p', { class: 'author' }), this.#dots, this.#text);

  update({ run }) {
    this.element.firstChild.textContent = run.label || run.agent;
    this.element.dataset.state = run.state;
    this.element.classList.toggle('streaming', run.state === 'active');
    this.element.dataset.end = { cancelled: 'stopped', lost: 'lost', failed: 'cut' }[run.state] ?? '';
    this.#dots.hidden = run.state !== 'active';
    this.#text.hidden = run.state === 'active';
    this.#text.textContent = {
      cancelled: 'Stopped before it wrote anything', lost: 'Lost: the agent went away', failed: `Failed: ${run.error?.message || 'the agent gave no reason'}`,
    }[run.state] ?? '';
  }
}

