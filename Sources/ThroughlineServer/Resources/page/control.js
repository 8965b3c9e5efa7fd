import { Baton } from './baton.js';
import { textDialog } from './dialogs.js';
import { People } from './people.js';
import { outcomeOf } from './request-words.js';
import { Requests } from './requests.js';
import { Runs } from './runs.js';
import { Settings } from './settings.js';

/** What is around the conversation: who is here and who answers, which agents are at work, what they ask, and what holds for the chat. */
export class Control {
  #session = null;
  #context;
  #baton;
  #people;
  #requests;
  #runs;
  #settings;

  /** `element(id)` finds one. `context`: `me`, `mayAct`, `report(promise)`, `fork(options)`, `open(id)`, `say(text)`, `tell(text)`, `focus()`. */
  constructor(element, context) {
    this.#context = context;
    const { me, mayAct, report, fork, open, tell, focus } = context;
    this.#baton = new Baton({ bar: element('baton'), button: element('takeover') }, {
      me, takeOver: () => report(this.#command(this.#session.takeover())), handBack: () => this.#handBack(),
    });
    this.#people = new People({ button: element('people'), list: element('people-list'), typing: element('typing') }, me);
    this.#requests = new Requests(element('requests'), { me, tell, focus, answer: (id, value) => this.#answer(id, value) });
    this.#runs = new Runs(element('runs'), { mayAct, act: (promise) => report(this.#command(promise)) });
    this.#settings = new Settings({ button: element('settings'), panel: element('settings-panel') }, { mayAct, report, fork, open });
  }

  /** Draws `session`, or nothing. */
  show(session) {
    if (session !== this.#session) this.showPeople(session);
    this.#session = session;
    this.#baton.show(session);
    this.#requests.show(session);
    this.#runs.show(session);
    this.#settings.show(session);
  }

  showPeople(session) {
    this.#people.show(session);
  }

  async #handBack() {
    const note = await textDialog({
      title: 'Hand back to the agents', label: 'A note for the agents', action: 'Hand back', rows: 3, optional: true,
      hint: 'What should they know? Only agents and operators see it.',
    });
    if (note !== null) await this.#context.report(this.#command(this.#session.handback(note)));
  }

  /** Answers a request. Who comes second is told who was first. */
  async #answer(id, value) {
    try {
      await this.#session.answer(id, value);
    } catch (error) {
      if (!error.request?.state || error.request.state === 'open') throw error;
      this.#context.say(outcomeOf(error.request));
    }
  }

  /** A command that is rejected says why. */
  async #command(promise) {
    const { state, verb, reason } = await promise;
    if (state === 'rejected') this.#context.say(`${VERBS[verb] ?? verb} was not possible: ${REASONS[reason] ?? reason}`);
  }
}

const VERBS = { cancel: 'The stop', pause: 'The pause', resume: 'Going on', interrupt: 'Cutting short', takeover: 'Taking over', handback: 'Handing back' };

const REASONS = {
  run_ended: 'it had ended', nothing_active: 'nobody is at work', several_active: 'several are at work', not_supported: 'this agent cannot do that',
  run_queued: 'it waits for an agent to take it on', run_paused: 'it is paused', run_not_paused: 'it is not paused', run_resuming: 'it goes on already',
  baton_held: 'another operator answers', baton_not_held: 'the agents answer already', session_closed: 'the session is closed',
};
