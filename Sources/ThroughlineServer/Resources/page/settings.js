import { h, icon } from './dom.js';
import { FOLLOW_UPS, orphanChoices, orphanPolicy } from './policies.js';

/** What holds for the whole chat: its policies, a fork of it, and where it was forked from. */
export class Settings {
  #elements;
  #context;
  #session = null;
  #followUp = h('select', { data: { testid: 'follow-up' }, onchange: () => this.#set({ followUp: this.#followUp.value }) },
    Object.entries(FOLLOW_UPS).map(([value, label]) => h('option', { value }, label)));
  #orphan = h('select', { data: { testid: 'orphan' }, onchange: () => this.#set({ orphan: orphanPolicy(this.#orphan.value) }) });
  #fork = h('button', { type: 'button', class: 'small outlined', data: { testid: 'fork-chat' }, onclick: () => this.#forkNow() }, icon('fork'), 'Fork this chat');
  #origin = h('p', { data: { testid: 'forked-from' } });

  /** `elements`: `button`, `panel` (a popover). `context`: `mayAct`, `report(promise)`, `fork()`, `open(id)`. */
  constructor({ button, panel }, context) {
    this.#elements = { button, panel };
    this.#context = context;
    button.append(icon('sliders'));
    panel.append(h('h2', {}, 'This chat'), h('label', {}, 'A message while an agent is at work', this.#followUp),
      h('label', {}, 'When nobody watches any more', this.#orphan), this.#fork, this.#origin);
  }

  /** Draws what holds for `session`, or nothing. */
  show(session) {
    this.#session = session;
    const info = session?.state.session;
    this.#elements.button.hidden = !info;
    if (!info) return;
    const { mayAct } = this.#context;
    this.#followUp.value = info.policies?.followUp ?? 'queue';
    this.#showOrphan(info.policies?.orphan);
    for (const field of [this.#followUp, this.#orphan]) field.disabled = !mayAct || info.state === 'closed';
    this.#fork.hidden = !mayAct;
    this.#showOrigin(info.forkedFrom?.session);
  }

  #showOrphan(policy) {
    const choices = orphanChoices(policy);
    if (choices.length !== this.#orphan.length || choices.some(({ value }, place) => value !== this.#orphan.options[place].value)) {
      this.#orphan.replaceChildren(...choices.map(({ value, label }) => h('option', { value }, label)));
    }
    this.#orphan.value = String(policy?.after ?? '');
  }

  #showOrigin(origin) {
    if (this.#origin.dataset.origin === (origin ?? '')) return;
    this.#origin.dataset.origin = origin ?? '';
    this.#origin.hidden = !origin;
    if (origin) this.#origin.replaceChildren('Forked from ', h('a', { href: `/?session=${encodeURIComponent(origin)}`, onclick: (event) => this.#open(event, origin) }, 'another chat'));
  }

  #open(event, id) {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    this.#elements.panel.hidePopover();
    this.#context.open(id);
  }

  /** The page shows what the server says; what it refuses is told, and what was chosen is taken back. */
  async #set(policies) {
    const session = this.#session;
    await this.#context.report(session.setPolicies(policies));
    if (session === this.#session) this.show(session);
  }

  #forkNow() {
    this.#elements.panel.hidePopover();
    this.#context.fork();
  }
}
