import { h, icon } from './dom.js';
import { safeAddress } from './markdown.js';
import { MarkdownView } from './markdown-view.js';

/** The view of one part: `element`, and `update(part)`. */
export function partView(part, context) {
  switch (part.kind) {
    case 'text': return new TextView();
    case 'reasoning': return new ReasoningView();
    case 'tool-call': return new CardView('tool', () => part.name || 'Tool', 'Arguments');
    case 'tool-result': return new CardView('result', () => `Result${context.toolName(part.call) ? ` of ${context.toolName(part.call)}` : ''}`, 'Result');
    case 'file': case 'source': return new LinkView();
    default: return new CardView('result', () => part.title || part.name || part.kind, 'Data');
  }
}

class TextView {
  element = h('div', { class: 'prose', dir: 'auto', data: { testid: 'part-text', kind: 'text' } });
  #markdown = new MarkdownView(this.element);

  update(part) {
    this.#markdown.update(part.text, { growing: part.status === 'streaming' });
  }
}

class ReasoningView {
  #label = h('span', {}, 'Thinking');
  #text = document.createTextNode('');
  element = h('details', { class: 'reasoning' }, h('summary', {}, this.#label),
    h('div', { class: 'reasoning-text', dir: 'auto', data: { testid: 'part-text', kind: 'reasoning' } }, this.#text));

  update(part) {
    this.#label.textContent = part.status === 'streaming' ? 'Thinking…' : 'Thought it through';
    this.element.classList.toggle('busy', part.status === 'streaming');
    grow(this.#text, part.text);
  }
}

class CardView {
  #title;
  #name = h('span', { class: 'card-name', dir: 'auto' });
  #state = h('span', { class: 'card-state' });
  #text = document.createTextNode('');

  constructor(kind, title, label) {
    this.#title = title;
    this.element = h('details', { class: `card card-${kind}` }, h('summary', {}, icon(kind), this.#name, this.#state),
      h('pre', { tabindex: '0', 'aria-label': label, data: { testid: 'part-text', kind: kind === 'tool' ? 'tool-call' : 'tool-result' } }, this.#text));
  }

  update(part) {
    this.#name.textContent = this.#title();
    this.#state.textContent = { streaming: 'working…', cancelled: 'stopped', interrupted: 'cut off' }[part.status] ?? brief(part.text);
    grow(this.#text, part.status === 'complete' ? pretty(part.text) : part.text);
  }
}

class LinkView {
  element = h('p', { class: 'attachment' });

  update(part) {
    const href = part.url && safeAddress(part.url);
    const label = part.title || part.name || part.text || part.url || part.kind;
    const kind = h('span', { class: 'card-state' }, part.kind === 'file' ? part.mediaType || 'file' : 'source');
    this.element.replaceChildren(
      href ? h('a', { href, target: '_blank', rel: 'noopener noreferrer', dir: 'auto' }, label) : h('span', { dir: 'auto' }, label), kind);
  }
}

function grow(node, text) {
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function brief(text) {
  const line = text.trim().replace(/\s+/g, ' ').slice(0, 200);
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
