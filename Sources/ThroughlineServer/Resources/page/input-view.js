import { find } from '../client/throughline.js';
import { h, icon } from './dom.js';
import { nameOf } from './run-tree.js';
import { textOf } from './items.js';

/** A bubble: an input in the session, one on its way, or an earlier message of a user. */
export class InputView {
  #context;
  #author = h('p', { class: 'author' });
  #text = h('div', { class: 'bubble', dir: 'auto' });
  #note = h('span', { class: 'note' });
  #actions = h('span', { class: 'note-actions' });
  #foot = h('p', { class: 'foot' }, this.#note, this.#actions);
  #shown = '';
  element;

  constructor(context) {
    this.#context = context;
    this.element = h('li', { class: 'item input' }, h('article', {}, this.#author, this.#text, this.#foot));
  }

  update(item) {
    const { kind, input, entry, message } = item;
    const source = input ?? entry ?? message;
    const author = source.by && source.by.id !== this.#context.me.id ? source.by.id : '';
    this.#author.textContent = author;
    this.#author.hidden = !author;
    this.#text.textContent = source.parts.map((part) => part.text ?? '').join('\n');
    this.element.firstChild.setAttribute('aria-label', author ? `${author} wrote` : 'You wrote');
    if (kind === 'message') return this.#label('message', { role: message.role, status: message.status, messageId: message.id }, '', []);
    const state = input ? input.state : entry.state === 'failed' ? 'failed' : 'sending';
    const actions = [...(this.#context.mayAct ? this.#acts(state, source, item) : []), ...this.#besides(item)];
    this.#label('input', { inputId: source.id, state }, this.#describe(state, source, item), actions.filter(Boolean));
  }

  /** `actions` are made anew when one of them has another label, or another input that it is `of`. */
  #label(testid, data, note, actions) {
    Object.assign(this.element.dataset, { testid, ...data });
    const key = JSON.stringify([note, actions.map(({ label, shape, of }) => [label, shape, of])]);
    if (key === this.#shown) return;
    this.#shown = key;
    const focused = document.activeElement?.dataset.testid;
    const held = this.#actions.contains(document.activeElement);
    this.#note.textContent = note;
    this.#actions.replaceChildren(...actions.map(action));
    this.#foot.hidden = !note && actions.length === 0;
    if (held) (this.#actions.querySelector(`[data-testid="${focused}"]`) ?? this.#actions.querySelector('button'))?.focus();
  }

  #describe(state, source, { waiting }) {
    switch (state) {
      case 'sending': return this.#context.isConnected() ? 'Sending…' : 'Waiting for the connection';
      case 'failed': return `Not sent: ${NOT_SENT[source.reason?.code] ?? (source.reason?.detail || source.reason?.code)}`;
      case 'queued': return waiting.queue.length > 1 ? `Waiting, ${waiting.place + 1} of ${waiting.queue.length}` : 'Queued';
      case 'steering': {
        const run = find(this.#context.session.state, 'runs', source.run);
        return `Offered to ${run ? nameOf(run) : 'the agent'}`;
      }
      case 'unanswered': return 'Not answered';
      case 'cancelled': return 'Stopped';
      case 'withdrawn': return source.reason === 'superseded' ? 'Withdrawn: a newer one came' : 'Withdrawn';
      default: return '';
    }
  }

  #acts(state, source, { waiting }) {
    const { session, report, edit, sendAgain } = this.#context;
    const act = (testid, label, run, shape, of) => ({ testid, label, shape, of, act: () => report(run()) });
    const change = { testid: 'edit', label: 'Edit', act: () => edit(source), shape: 'pencil', of: textOf(source) };
    switch (state) {
      case 'failed': return [act('retry', 'Try again', async () => session.retry(source.id)), act('discard', 'Discard', async () => session.discard(source.id))];
      case 'queued': {
        const { place, queue } = waiting;
        const [before, after] = [queue[place - 1], queue[place + 2] ?? null];
        return [change, place > 0 && act('sooner', 'Sooner', () => session.move(source.id, before), 'up', before),
          place + 1 < queue.length && act('later', 'Later', () => session.move(source.id, after), 'down', after),
          act('withdraw', 'Withdraw', () => session.withdraw(source.id))];
      }
      case 'steering': return [act('withdraw', 'Withdraw', () => session.withdraw(source.id))];
      case 'unanswered': return [{ testid: 'again', label: 'Send again', act: () => sendAgain(source) }, change];
      case 'answered': case 'cancelled': return textOf(source) ? [change] : [];
      default: return [];
    }
  }

  /** Where others stand beside it: which it is, and the way to them. */
  #besides({ branch, input }) {
    if (!branch) return [];
    const { session, report, mayAct } = this.#context;
    const place = branch.siblings.indexOf(input.id);
    const to = (other, testid, label, shape) => mayAct && other && { testid, label, shape, of: other, act: () => report(session.follow(other)) };
    return [to(branch.siblings[place - 1], 'sibling-before', 'The one before', 'left'), { text: `${place + 1} of ${branch.siblings.length}`, label: 'branch', of: `${place}/${branch.siblings.length}` },
      to(branch.siblings[place + 1], 'sibling-after', 'The next one', 'right')];
  }
}

const NOT_SENT = { run_active: 'an agent is at work. Try again when it is done.' };

function action({ testid, label, shape, text, act }) {
  if (text) return h('span', { class: 'note', data: { testid: 'branch' } }, text);
  return h('button', { type: 'button', class: `quiet small${shape ? ' with-icon' : ''}`, 'aria-label': label, title: shape ? label : null, data: { testid }, onclick: act }, shape ? icon(shape) : label);
}
