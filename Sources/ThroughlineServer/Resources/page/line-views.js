import { find } from '../client/throughline.js';
import { h } from './dom.js';
import { textOf } from './items.js';
import { outcomeOf } from './request-words.js';
import { nameOf } from './run-tree.js';

/** A request that is over: what was asked, and how it ended. */
export class RequestLine {
  #prompt = h('span', { class: 'line-about', dir: 'auto' });
  #outcome = h('span', { class: 'line-outcome', dir: 'auto' });
  element = h('li', { class: 'item line', data: { testid: 'request' } }, h('p', {}, this.#prompt, ' ', this.#outcome));

  update({ request }) {
    const { element } = this;
    Object.assign(element.dataset, { requestId: request.id, state: request.state, by: request.answer?.by?.id ?? '' });
    this.#prompt.textContent = request.prompt;
    this.#outcome.textContent = outcomeOf(request);
  }
}

/** A word to an agent at work, and what became of it; or that a person took over, or handed back. */
export class CommandView {
  #context;
  #text = h('span', { class: 'line-about', dir: 'auto' });
  #how = h('span', { class: 'line-outcome' });
  element = h('li', { class: 'item line', data: { testid: 'command' } }, h('p', {}, this.#text, ' ', this.#how));

  constructor(context) {
    this.#context = context;
  }

  update({ command }) {
    const isMine = command.by.id === this.#context.me.id;
    const who = isMine ? 'You' : command.by.id;
    Object.assign(this.element.dataset, { commandId: command.id, verb: command.verb, state: command.state });
    const note = command.parts?.length ? `: “${textOf({ parts: command.parts })}”` : '';
    const run = command.run && find(this.#context.session.state, 'runs', command.run);
    this.#text.textContent = {
      steer: `${who}${run ? ` to ${nameOf(run)}` : ''}${note}`,
      interrupt: `${who} cut ${run ? nameOf(run) : 'the agent'} short${note}`,
      takeover: `${isMine ? who : `${who}, a person,`} took over`,
      handback: `${who} handed back to the agents`,
    }[command.verb] ?? `${who}: ${command.verb}${note}`;
    this.#how.textContent = IMMEDIATE.has(command.verb) ? '' : stateOf(command);
  }
}

function stateOf({ state, reason, outcome }) {
  if (state === 'accepted') return outcome === 'deferred' ? 'put off to the next step' : 'offered';
  if (state === 'applied') return 'taken in';
  return state === 'requested' ? 'sent' : `not taken in: ${REASONS[reason] ?? reason}`;
}

/** What is done when it is said. */
const IMMEDIATE = new Set(['takeover', 'handback']);

const REASONS = {
  run_ended: 'it had ended', nothing_active: 'nobody was at work', several_active: 'several are at work', not_supported: 'this agent cannot do that',
  run_queued: 'it waited for an agent to take it on', timeout: 'it did not come to it in time',
};
