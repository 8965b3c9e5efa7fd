import { arrange, h, icon } from './dom.js';
import { confirmDialog, textDialog } from './dialogs.js';

/** The list of chats, newest activity first; arrows move through it, F2 renames, Delete deletes. */
export class SessionList {
  #client;
  #elements;
  #handlers;
  #rows = new Map();
  #current = null;
  #wanted = 50;
  #isLoading = false;
  #isStale = false;

  /** `elements`: `list`, `more`. `handlers`: `open(id)`, `erased(id)`, `report(promise)`. */
  constructor(client, elements, handlers) {
    this.#client = client;
    this.#elements = elements;
    this.#handlers = handlers;
    elements.list.addEventListener('keydown', (event) => this.#key(event));
    elements.more.addEventListener('click', () => { this.#wanted += 50; this.load(); });
  }

  /** Marks the chat that is open. */
  select(id) {
    this.#current = id;
    for (const row of this.#rows.values()) row.mark(id);
  }

  /** Asks the server for the list; calls while it is asked are one more call. */
  async load() {
    if (!this.#client.isOpen) return;
    this.#isStale = this.#isLoading;
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      this.#draw(await this.#pages());
    } catch {
      // The state pill tells; the list that is shown stays.
    } finally {
      this.#isLoading = false;
    }
    if (this.#isStale) this.load();
  }

  async #pages() {
    const sessions = [];
    let cursor;
    do {
      const page = await this.#client.list({ limit: 50, ...(cursor && { cursor }) });
      sessions.push(...page.sessions);
      cursor = page.cursor;
    } while (cursor && sessions.length < this.#wanted);
    return { sessions, cursor };
  }

  #draw({ sessions, cursor }) {
    const rows = new Map(sessions.map((session) => [session.id, this.#rows.get(session.id) ?? new Row(session.id, this.#actions())]));
    for (const session of sessions) rows.get(session.id).update(session, this.#current);
    this.#rows = rows;
    arrange(this.#elements.list, [...rows.values()].map((row) => row.element));
    this.#elements.more.hidden = !cursor;
  }

  #actions() {
    return { open: this.#handlers.open, rename: (session) => this.#rename(session), erase: (session) => this.#erase(session) };
  }

  async #rename({ id, title }) {
    const next = await textDialog({ title: 'Rename this chat', label: 'Title', value: title ?? '', action: 'Rename' });
    if (next && next !== title) await this.#handlers.report(this.#client.rename(id, next));
    this.load();
  }

  async #erase({ id, title }) {
    const sure = await confirmDialog({
      title: 'Delete this chat?', text: `“${title || 'Untitled chat'}” is erased for good, for everyone.`, action: 'Delete',
    });
    if (!sure) return;
    await this.#handlers.report(this.#client.erase(id));
    this.#handlers.erased(id);
    this.load();
  }

  #key(event) {
    const links = [...this.#elements.list.querySelectorAll('a')];
    const at = links.indexOf(event.target.closest('li')?.querySelector('a'));
    const next = { ArrowDown: links[at + 1], ArrowUp: links[at - 1], Home: links[0], End: links.at(-1) }[event.key];
    const row = [...this.#rows.values()][at];
    if (next) next.focus();
    else if (event.key === 'F2') this.#rename(row.session);
    else if (event.key === 'Delete') this.#erase(row.session);
    else return;
    event.preventDefault();
  }
}

class Row {
  session;
  #link = h('a', {}, h('span', { class: 'row-title', dir: 'auto' }), h('span', { class: 'row-note' }));
  element;

  constructor(id, actions) {
    this.#link.href = `/?session=${encodeURIComponent(id)}`;
    this.#link.addEventListener('click', (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      actions.open(id);
    });
    this.element = h('li', { data: { testid: 'session-item', sessionId: id } }, this.#link,
      h('button', { type: 'button', class: 'quiet icon-button', 'aria-label': 'Rename', title: 'Rename (F2)', onclick: () => actions.rename(this.session) }, icon('pencil')),
      h('button', { type: 'button', class: 'quiet icon-button', 'aria-label': 'Delete', title: 'Delete', onclick: () => actions.erase(this.session) }, icon('trash')));
  }

  update(session, current) {
    this.session = session;
    const [title, note] = this.#link.children;
    title.textContent = session.title || 'Untitled chat';
    note.textContent = { working: 'Answering…', waiting: 'Waiting for an agent' }[session.activity] ?? ago(session.updated);
    this.element.dataset.activity = session.activity;
    this.mark(current);
  }

  mark(current) {
    if (this.session?.id === current) this.#link.setAttribute('aria-current', 'page');
    else this.#link.removeAttribute('aria-current');
  }
}

function ago(time) {
  const minutes = Math.floor((Date.now() - time) / 60_000);
  if (minutes < 1) return 'Just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 60 * 24) return `${Math.floor(minutes / 60)} h ago`;
  return new Date(time).toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
}
