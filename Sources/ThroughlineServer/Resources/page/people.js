import { h } from './dom.js';
import { initialsOf, newestOf, peopleOf, typingOf } from './people-list.js';

const SHOWN = 3;

/** Who is here: initials in the head, a list behind them, and who types above the message box. */
export class People {
  #elements;
  #me;

  /** `elements`: `button`, `list` (a popover), `typing`. `me`: who we are. */
  constructor(elements, me) {
    this.#elements = elements;
    this.#me = me;
  }

  /** Draws what the session says of who is here. */
  show(session) {
    const here = peopleOf(session?.presence ?? []);
    const newest = session ? newestOf(session.state) : 0;
    const { button, list, typing } = this.#elements;
    button.hidden = here.people.length === 0;
    button.replaceChildren(...faces(here.people));
    button.setAttribute('aria-label', `Who is here: ${count(here.people.length, 'person', 'people')}, ${count(here.agents.length, 'agent', 'agents')}`);
    list.replaceChildren(h('h2', {}, 'Who is here'), h('ul', {}, here.people.map((person) => this.#person(person, newest)), here.agents.map(agent)));
    typing.textContent = typingOf(here, this.#me.id);
  }

  #person({ id, role, devices, isTyping, read }, newest) {
    const notes = [role === 'user' ? '' : role, devices.length > 1 ? `${devices.length} devices` : '', isTyping ? 'typing' : read >= newest && newest ? 'has read all' : ''];
    return h('li', { data: { testid: 'person', personId: id } }, h('span', { class: 'face', 'aria-hidden': 'true' }, initialsOf(id)),
      h('span', { class: 'person-name', dir: 'auto' }, id, id === this.#me.id && ' (you)'),
      h('span', { class: 'person-note' }, notes.filter(Boolean).join(', ')));
  }
}

function agent({ id, health }) {
  return h('li', { data: { testid: 'agent-here', health } }, h('span', { class: 'run-dot', 'aria-hidden': 'true' }), h('span', { class: 'person-name', dir: 'auto' }, id),
    h('span', { class: 'person-note' }, health === 'good' ? 'at work' : 'has gone quiet'));
}

function faces(people) {
  const shown = people.slice(0, people.length > SHOWN ? SHOWN - 1 : SHOWN);
  const rest = people.length - shown.length;
  return [...shown.map(({ id }) => h('span', { class: 'face', 'aria-hidden': 'true' }, initialsOf(id))),
    rest > 0 && h('span', { class: 'face', 'aria-hidden': 'true' }, `+${rest}`)].filter(Boolean);
}

function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}
