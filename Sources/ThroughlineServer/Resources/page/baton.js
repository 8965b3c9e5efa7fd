import { h } from './dom.js';

/** Who answers now, when it is a person; for operators the way to take over and to hand back. */
export class Baton {
  #element;
  #button;
  #context;

  /** `bar` tells everybody; `button` is an operator's. `context`: `me`, `takeOver()`, `handBack()`. */
  constructor({ bar, button }, context) {
    this.#element = bar;
    this.#button = button;
    this.#context = context;
    button.addEventListener('click', () => context.takeOver());
  }

  show(session) {
    const baton = session?.state.baton;
    const { me, handBack } = this.#context;
    const isOperator = me.role === 'operator';
    this.#button.hidden = !(isOperator && session && session.state.session && !baton);
    this.#element.hidden = !baton;
    if (!baton) return;
    const isMine = baton.by.id === me.id && isOperator;
    this.#element.dataset.holder = baton.by.id;
    this.#element.replaceChildren(h('span', { dir: 'auto' }, isMine ? 'You answer now. The agents wait.' : `${baton.by.id} answers now`),
      ...(isOperator ? [h('button', { type: 'button', class: 'small outlined', data: { testid: 'handback' }, onclick: handBack }, 'Hand back')] : []));
  }
}
