import { h } from './dom.js';
import { InputView } from './input-view.js';
import { isOrphan } from './items.js';
import { CommandView, RequestLine } from './line-views.js';
import { MessageView } from './message-view.js';

/** The view of one item of the conversation: `element`, and `update(item)`. */
export function itemView(item, context) {
  switch (item.kind) {
    case 'message': return item.message.role === 'user' ? new InputView(context) : new MessageView(context);
    case 'run': return new RunView();
    case 'request': return new RequestLine();
    case 'command': return new CommandView(context);
    default: return new InputView(context);
  }
}

/** A run that has shown nothing: it thinks, or it ended without a word. */
class RunView {
  #text = h('p', { class: 'end' });
  #dots = h('p', { class: 'dots', 'aria-label': 'Working' }, h('i'), h('i'), h('i'));
  element = h('li', { class: 'item message run', data: { testid: 'run' } }, h('p', { class: 'author' }), this.#dots, this.#text);

  update({ run }) {
    const isWorking = run.state === 'active' || run.state === 'waiting';
    this.element.firstChild.textContent = run.label || run.agent;
    this.element.dataset.state = run.state;
    this.element.classList.toggle('streaming', run.state === 'active');
    this.element.dataset.end = { cancelled: 'stopped', lost: 'lost', failed: 'cut' }[run.state] ?? '';
    this.#dots.hidden = !isWorking;
    this.#text.hidden = isWorking;
    this.#text.textContent = {
      cancelled: `Stopped before it wrote anything${isOrphan(run) ? ': nobody watched any more' : ''}`, lost: 'Lost: the agent went away', failed: `Failed: ${run.error?.message || 'the agent gave no reason'}`,
      queued: `Its agent went away. Waiting for another: attempt ${run.attempt} of ${run.attempts}`,
    }[run.state] ?? '';
  }
}
