import { pendingCommands } from '../client/throughline.js';
import { arrange, h, icon } from './dom.js';
import { accepts, countOpen, describeRun, isOpen, nameOf, runTree } from './run-tree.js';

const narrow = matchMedia('(max-width: 820px)');

/** The agents at work, as a tree: how far each is, and a stop, a pause and an interruption for each. */
export class Runs {
  #element;
  #context;
  #summary = h('summary', {}, h('span', {}));
  #list = h('ul', { class: 'runs' });
  #rows = new Map();
  /** Whether somebody folded or unfolded it by hand. */
  #isChosen = false;

  /** `context`: `mayAct`; `act(promise)` with the promise of a command. */
  constructor(element, context) {
    this.#element = element;
    this.#context = context;
    element.append(this.#summary, this.#list);
    this.#summary.addEventListener('click', () => { this.#isChosen = true; });
  }

  /** Draws the runs of `session`, or nothing. */
  show(session) {
    const trees = session ? runTree(session.state) : [];
    const open = countOpen(trees);
    this.#element.hidden = open === 0;
    // On a small screen a question comes first.
    if (!this.#isChosen) this.#element.open = !(narrow.matches && session?.state.requests.some(({ state }) => state === 'open'));
    this.#summary.firstChild.textContent = open === 1 ? '1 agent at work' : `${open} agents at work`;
    const rows = new Map();
    this.#fill(this.#list, trees, session, rows);
    this.#rows = rows;
  }

  #fill(list, trees, session, rows) {
    arrange(list, trees.map(({ run, below }) => {
      const row = this.#rows.get(run.id) ?? new Row(run, session, this.#context);
      rows.set(run.id, row);
      row.update(run, pendingCommands(session.state, run.id));
      row.below.hidden = below.length === 0;
      this.#fill(row.below, below, session, rows);
      return row.element;
    }));
  }
}

class Row {
  #name = h('span', { class: 'run-name', dir: 'auto' });
  #how = h('span', { class: 'run-how', dir: 'auto' });
  #progress = h('progress', { max: '1' });
  #buttons = {};
  below = h('ul', {});
  element;

  constructor({ id }, session, { mayAct, act: perform }) {
    const target = { run: id };
    const button = (name, shape, act, testid) => {
      const element = h('button', { type: 'button', class: 'quiet icon-button', title: name, data: { testid }, onclick: () => perform(act()) }, icon(shape));
      this.#buttons[testid] = { element, name };
      return element;
    };
    this.element = h('li', { data: { testid: 'run-row', runId: id } }, h('div', { class: 'run-row' },
      h('span', { class: 'run-dot', 'aria-hidden': 'true' }), h('span', { class: 'run-text' }, this.#name, this.#how), this.#progress,
      mayAct && h('span', { class: 'run-buttons' },
        button('Cut short what it says', 'skip', () => session.interrupt(undefined, { target }), 'run-interrupt'),
        button('Pause', 'pause', () => session.pause(target), 'run-pause'),
        button('Go on', 'play', () => session.resume(target), 'run-resume'),
        button('Stop', 'stop', () => session.stop(target), 'run-stop'))), this.below);
  }

  update(run, commands) {
    const isPaused = run.state === 'waiting' && run.waiting === 'paused';
    this.element.dataset.state = isPaused ? 'paused' : run.state;
    this.#name.textContent = nameOf(run);
    this.#how.textContent = describeRun(run, commands);
    this.#progress.hidden = run.progress?.fraction === undefined || !isOpen(run);
    if (!this.#progress.hidden) this.#progress.value = run.progress.fraction;
    this.#progress.setAttribute('aria-label', `${nameOf(run)}: how far`);
    const shown = {
      'run-interrupt': run.state === 'active' && accepts(run, 'interrupt'), 'run-pause': run.state === 'active' && accepts(run, 'pause'),
      'run-resume': isPaused, 'run-stop': isOpen(run),
    };
    for (const [testid, { element, name }] of Object.entries(this.#buttons)) {
      element.hidden = !shown[testid];
      element.setAttribute('aria-label', `${name}: ${nameOf(run)}`);
    }
  }
}
