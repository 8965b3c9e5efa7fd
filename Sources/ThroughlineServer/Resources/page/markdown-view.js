import { copyButton, h } from './dom.js';
import { GrowingMarkdown, parseInline } from './markdown.js';

/** Shows a growing markdown text in `element`, building anew only the blocks that changed. */
export class MarkdownView {
  element;
  #markdown = new GrowingMarkdown();
  #shown = [];

  constructor(element) {
    this.element = element;
  }

  /** Shows `text`; with `growing`, its last block is taken as unfinished. */
  update(text, { growing }) {
    const { blocks, settled } = this.#markdown.update(text);
    for (let index = Math.min(settled, this.#shown.length); index < blocks.length; index++) {
      const open = growing && index === blocks.length - 1;
      this.#show(index, blocks[index], text.slice(blocks[index].start, blocks[index].end), open);
    }
    for (const { element } of this.#shown.splice(blocks.length)) element.remove();
  }

  #show(index, block, source, open) {
    const shown = this.#shown[index];
    if (shown && shown.source === source && shown.open === open) return;
    if (shown && shown.block.type === 'code' && block.type === 'code' && shown.block.language === block.language) {
      growText(shown.element.querySelector('code').firstChild, block.text);
      this.#shown[index] = { ...shown, block, source, open };
      return;
    }
    if (shown && growsList(shown.block, block)) {
      growList(shown.element, shown.block, block, open);
      this.#shown[index] = { ...shown, block, source, open };
      return;
    }
    const element = render(block, open);
    if (shown) shown.element.replaceWith(element);
    else this.element.append(element);
    this.#shown[index] = { element, block, source, open };
  }
}

function growText(node, text) {
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}

function growsList(before, after) {
  return before.type === 'list' && after.type === 'list' && before.ordered === after.ordered && before.first === after.first
    && before.loose === after.loose && before.items.length <= after.items.length;
}

/** Builds anew only the items that changed, and the last one. */
function growList(element, before, after, open) {
  after.items.forEach((item, index) => {
    const isSame = index < before.items.length - 1 && before.items[index].source === item.source;
    if (isSame) return;
    const fresh = listItem(item, after.loose, open && index === after.items.length - 1);
    if (index < before.items.length) element.children[index].replaceWith(fresh);
    else element.append(fresh);
  });
}

function render(block, open = false) {
  switch (block.type) {
    case 'heading': return h(`h${Math.min(6, block.level + 1)}`, { dir: 'auto' }, inline(block.text, open));
    case 'code': return code(block);
    case 'rule': return h('hr');
    case 'quote': return h('blockquote', {}, renderAll(block.blocks, open));
    case 'list': return list(block, open);
    case 'table': return table(block, open);
    default: return h('p', { dir: 'auto' }, inline(block.text, open));
  }
}

function renderAll(blocks, open) {
  return blocks.map((block, index) => render(block, open && index === blocks.length - 1));
}

function code({ language, text }) {
  const body = h('code', {}, document.createTextNode(text));
  if (text === '') body.append(document.createTextNode(''));
  return h('figure', { class: 'code' },
    h('figcaption', {}, h('span', {}, language || 'code'), copyButton(() => body.textContent, 'Copy the code')),
    h('pre', { tabindex: '0', dir: 'ltr' }, body));
}

function list({ ordered, first, loose, items }, open) {
  return h(ordered ? 'ol' : 'ul', { start: ordered && first !== 1 && first },
    items.map((item, index) => listItem(item, loose, open && index === items.length - 1)));
}

function listItem({ blocks }, loose, open) {
  return h('li', { dir: 'auto' }, blocks.map((block, place) => {
    const last = open && place === blocks.length - 1;
    return block.type === 'paragraph' && !loose ? inline(block.text, last) : render(block, last);
  }));
}

function table({ head, align, rows }, open) {
  const cell = (name) => (text, column) => h(name, { dir: 'auto', class: align[column] && `to-${align[column]}`, scope: name === 'th' && 'col' }, inline(text, open));
  return h('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Table' },
    h('table', {}, h('thead', {}, h('tr', {}, head.map(cell('th')))), h('tbody', {}, rows.map((row) => h('tr', {}, row.map(cell('td')))))));
}

function inline(text, open) {
  return parseInline(text, { open }).map(node);
}

function node({ type, text, href, isImage, children }) {
  switch (type) {
    case 'text': return document.createTextNode(text);
    case 'code': return h('code', { dir: 'ltr' }, text);
    case 'break': return h('br');
    case 'link': return h('a', { href, title: href, target: '_blank', rel: 'noopener noreferrer', class: isImage && 'image-link' }, children.map(node));
    default: return h(type, {}, children.map(node));
  }
}
