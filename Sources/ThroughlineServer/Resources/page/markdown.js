// Markdown as data: text in, blocks out. No document here, so that it runs and is tested anywhere.
//
// A tolerant subset for what models write. HTML is text like any other. Every pass is linear in the text: the content is untrusted.

const DEPTH = 8;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
const MARKER = /^( *)([-*+]|\d{1,9}[.)])(?:( +)|$)/;
const DELIMITERS = /^[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

/** The blocks of `text`: `{type, start, end, ...}`, where `start` and `end` are offsets in `text`. */
export function parse(text, depth = 0) {
  return new Blocks(text, depth).parse();
}

/** Follows a text that grows, parsing only its end anew. */
export class GrowingMarkdown {
  #text = '';
  #blocks = [];
  #settled = 0;

  /** The blocks of `text`. Those before `settled` are the very objects of the call before. */
  update(text) {
    if (!text.startsWith(this.#text)) this.#settled = 0;
    const kept = this.#blocks.slice(0, this.#settled);
    const from = kept.at(-1)?.end ?? 0;
    const fresh = parse(text.slice(from)).map((block) => ({ ...block, start: block.start + from, end: block.end + from }));
    const settled = kept.length;
    this.#text = text;
    this.#blocks = [...kept, ...fresh];
    // The last line may still change what it is, and with it the block before it and the one that this one continues.
    const lastLine = text.lastIndexOf('\n') + 1;
    const begun = this.#blocks.findLastIndex((block) => block.start < lastLine);
    this.#settled = Math.max(0, begun - 1);
    return { blocks: this.#blocks, settled };
  }
}

class Blocks {
  constructor(text, depth) {
    this.depth = depth;
    this.lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
    this.offsets = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.offsets.push(at + 1);
    this.offsets.push(text.length);
    this.at = 0;
  }

  parse() {
    const blocks = [];
    while (this.at < this.lines.length) {
      if (isBlank(this.lines[this.at])) { this.at++; continue; }
      const start = this.at;
      const block = this.block();
      blocks.push({ ...block, start: this.offsets[start], end: this.offsets[this.at] });
    }
    return blocks;
  }

  block() {
    const line = this.lines[this.at];
    const deep = this.depth >= DEPTH;
    if (FENCE.test(line) && isFence(line)) return this.code();
    if (isHeading(line)) return this.heading();
    if (RULE.test(line)) { this.at++; return { type: 'rule' }; }
    if (!deep && QUOTE.test(line)) return this.quote();
    if (!deep && isItem(line)) return this.list();
    if (this.isTable()) return this.table();
    return this.paragraph();
  }

  code() {
    const opening = this.lines[this.at++];
    const fence = FENCE.exec(opening)[1];
    const indent = opening.length - opening.trimStart().length;
    const body = [];
    let closed = false;
    while (this.at < this.lines.length && !closed) {
      const line = this.lines[this.at++];
      const bare = line.trim();
      closed = bare.length >= fence.length && bare === fence[0].repeat(bare.length);
      if (!closed) body.push(line.slice(Math.min(indent, indentOf(line))));
    }
    const language = opening.trim().slice(fence.length).trim().split(/\s/, 1)[0];
    return { type: 'code', language, text: body.join('\n'), closed };
  }

  heading() {
    const line = this.lines[this.at++].trim();
    const level = /^#+/.exec(line)[0].length;
    return { type: 'heading', level, text: line.slice(level).trim().replace(/(^|\s)#+$/, '').trim() };
  }

  quote() {
    const inner = [];
    while (this.at < this.lines.length && QUOTE.test(this.lines[this.at])) inner.push(this.lines[this.at++].replace(QUOTE, ''));
    return { type: 'quote', blocks: parse(inner.join('\n'), this.depth + 1) };
  }

  list() {
    const [, , first] = MARKER.exec(this.lines[this.at]);
    const ordered = /\d/.test(first);
    const sign = first.at(-1);
    const items = [];
    let loose = false;
    while (this.at < this.lines.length) {
      const match = MARKER.exec(this.lines[this.at]);
      if (!match || match[2].at(-1) !== sign || RULE.test(this.lines[this.at])) break;
      const item = this.item(match);
      loose ||= item.loose;
      const source = item.lines.join('\n');
      items.push({ source, blocks: parse(source, this.depth + 1) });
    }
    return { type: 'list', ordered, first: ordered ? parseInt(first, 10) : null, loose, items };
  }

  item([, space, marker, gap = '']) {
    const content = space.length + marker.length + (gap.length > 4 ? 1 : gap.length || 1);
    const enough = Math.min(content, space.length + 2);
    const lines = [this.lines[this.at++].slice(content)];
    let loose = false;
    while (this.at < this.lines.length) {
      const line = this.lines[this.at];
      const next = isBlank(line) ? this.#nextText() : this.at;
      if (next === null) { this.at = this.lines.length; break; }
      const belongs = indentOf(this.lines[next]) >= enough;
      const continues = next === this.at && !isBlank(lines.at(-1)) && !isItem(line) && !this.#starts(line);
      if (next > this.at) {
        const goesOn = belongs || (isItem(this.lines[next]) && MARKER.exec(this.lines[next])[2].at(-1) === marker.at(-1));
        if (goesOn) { loose = true; this.at = next; }
        if (!belongs) { if (!goesOn) this.at = next; break; }
        lines.push('');
        continue;
      }
      if (!belongs && !continues) break;
      lines.push(line.slice(Math.min(content, indentOf(line))));
      this.at++;
    }
    return { lines, loose };
  }

  table() {
    const head = cells(this.lines[this.at]);
    const align = cells(this.lines[this.at + 1]).map((cell) => ALIGN[`${cell.startsWith(':')} ${cell.endsWith(':')}`]);
    this.at += 2;
    const rows = [];
    while (this.at < this.lines.length && this.lines[this.at].includes('|') && !this.#starts(this.lines[this.at])) {
      rows.push(cells(this.lines[this.at++]).slice(0, head.length));
    }
    return { type: 'table', head, align, rows };
  }

  paragraph() {
    const lines = [this.lines[this.at++].trimStart()];
    while (this.at < this.lines.length && !isBlank(this.lines[this.at]) && !this.#starts(this.lines[this.at]) && !this.isTable()) {
      lines.push(this.lines[this.at++].trimStart());
    }
    return { type: 'paragraph', text: lines.join('\n').trimEnd() };
  }

  isTable() {
    const [line, next] = [this.lines[this.at], this.lines[this.at + 1]];
    return line.includes('|') && next !== undefined && next.includes('-') && DELIMITERS.test(next)
      && cells(line).length === cells(next).length;
  }

  /** Whether this line ends the paragraph above it. */
  #starts(line) {
    if (isFence(line) || isHeading(line) || RULE.test(line)) return true;
    if (this.depth >= DEPTH) return false;
    return QUOTE.test(line) || (isItem(line) && /^ *([-*+] |1[.)] )\s*\S/.test(line));
  }

  #nextText() {
    for (let next = this.at; next < this.lines.length; next++) if (!isBlank(this.lines[next])) return next;
    return null;
  }
}

const ALIGN = { 'true true': 'center', 'false true': 'right', 'true false': 'left', 'false false': null };
const isBlank = (line) => line.trim() === '';
const indentOf = (line) => line.length - line.trimStart().length;
const isHeading = (line) => /^ {0,3}#{1,6}(?:\s|$)/.test(line);
const isItem = (line) => MARKER.test(line) && !RULE.test(line);

function isFence(line) {
  const match = FENCE.exec(line);
  return Boolean(match) && (match[1][0] === '~' || !line.trimStart().slice(match[1].length).includes('`'));
}

function cells(row) {
  const parts = [''];
  const line = row.trim();
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '\\' && line[i + 1] === '|') { parts[parts.length - 1] += '|'; i++; }
    else if (line[i] === '|') parts.push('');
    else parts[parts.length - 1] += line[i];
  }
  if (line.startsWith('|')) parts.shift();
  if (line.endsWith('|') && parts.length > 1) parts.pop();
  return parts.map((part) => part.trim());
}

// Inline

const PUNCTUATION = /[!-/:-@[-`{-~]/;
const ADDRESS = /https?:\/\/[^\s<>"`]+/y;
const OPENERS = 64;

/**
 * The inline nodes of `text`: `{type: text | code | strong | em | del | link | break, ...}`. With `open`, the text is still growing:
 * what is opened and not closed yet counts as closed at its end, so that nothing flickers.
 */
export function parseInline(text, { open = false } = {}, depth = 0) {
  return new Inline(text, open, depth).parse();
}

class Inline {
  constructor(text, open, depth) {
    Object.assign(this, { text, open, depth, nodes: [], openers: [], plain: '', at: 0, unclosed: new Set() });
    this.brackets = depth < DEPTH ? brackets(text) : new Map();
  }

  parse() {
    while (this.at < this.text.length) this.#step(this.text[this.at]);
    this.#flush();
    this.#closeRest();
    return this.nodes;
  }

  #step(character) {
    switch (character) {
      case '\\': return this.#escape();
      case '`': return this.#code();
      case '!': return this.text[this.at + 1] === '[' ? this.#link(this.at + 1) : this.#take(1);
      case '[': return this.#link(this.at);
      case '<': return this.#angle();
      case '\n': return this.#newline();
      case 'h': return this.#address();
      case '*': case '_': case '~': return this.#emphasis(character);
      default: return this.#run();
    }
  }

  #run() {
    let end = this.at + 1;
    while (end < this.text.length && !'\\`![<\nh*_~'.includes(this.text[end])) end++;
    this.#take(end - this.at);
  }

  #take(length) {
    this.plain += this.text.slice(this.at, this.at + length);
    this.at += length;
  }

  #flush() {
    if (this.plain) this.nodes.push({ type: 'text', text: this.plain });
    this.plain = '';
  }

  #push(node) {
    this.#flush();
    this.nodes.push(node);
  }

  #escape() {
    const next = this.text[this.at + 1];
    if (next === '\n') { this.#push({ type: 'break' }); this.at += 2; return; }
    if (next && PUNCTUATION.test(next)) this.at++;
    this.#take(1);
  }

  #newline() {
    if (this.plain.endsWith('  ')) {
      this.plain = this.plain.trimEnd();
      this.#push({ type: 'break' });
      this.at++;
    } else this.#take(1);
  }

  #code() {
    const run = /`+/y;
    run.lastIndex = this.at;
    const ticks = run.exec(this.text)[0].length;
    const start = this.at + ticks;
    const end = this.#closing(ticks, start);
    if (end < 0 && !(this.open && start < this.text.length)) return this.open ? void (this.at = start) : this.#take(ticks);
    const body = this.text.slice(start, end < 0 ? undefined : end).replaceAll('\n', ' ');
    const padded = body.length > 2 && body.startsWith(' ') && body.endsWith(' ') && body.trim();
    this.#push({ type: 'code', text: padded ? body.slice(1, -1) : body });
    this.at = end < 0 ? this.text.length : end + ticks;
  }

  #closing(ticks, start) {
    if (this.unclosed.has(ticks)) return -1;
    const runs = /`+/g;
    runs.lastIndex = start;
    for (let match = runs.exec(this.text); match; match = runs.exec(this.text)) if (match[0].length === ticks) return match.index;
    this.unclosed.add(ticks);
    return -1;
  }

  #link(bracket) {
    const close = this.brackets.get(bracket);
    const isImage = bracket > this.at;
    const growing = this.open && close !== undefined && this.text[close + 1] === '(';
    const target = close === undefined ? null : destination(this.text, close + 1);
    if (!target && !growing) return this.#take(isImage ? 2 : 1);
    const label = this.text.slice(bracket + 1, close);
    const children = parseInline(label || (isImage ? 'image' : ''), {}, this.depth + 1);
    const href = target && safeAddress(target.address);
    if (href) this.#push({ type: 'link', href, isImage, children });
    else { this.#flush(); this.nodes.push(...children); }
    this.at = target ? target.end : this.text.length;
  }

  #angle() {
    const match = /^<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/.exec(this.text.slice(this.at, this.at + 2010));
    const href = match && safeAddress(match[1]);
    if (!href) return this.#take(1);
    this.#push({ type: 'link', href, isImage: false, children: [{ type: 'text', text: match[1] }] });
    this.at += match[0].length;
  }

  #address() {
    ADDRESS.lastIndex = this.at;
    const previous = this.text[this.at - 1];
    const match = previous && /[\p{L}\p{N}]/u.test(previous) ? null : ADDRESS.exec(this.text);
    const shown = match && trimAddress(match[0]);
    const href = shown && safeAddress(shown);
    if (!href) return this.#run();
    this.#push({ type: 'link', href, isImage: false, children: [{ type: 'text', text: shown }] });
    this.at += shown.length;
  }

  #emphasis(sign) {
    let end = this.at;
    while (this.text[end] === sign) end++;
    let left = end - this.at;
    const [before, after] = [this.text[this.at - 1] ?? ' ', this.text[end] ?? ' '];
    const isWord = (character) => /[\p{L}\p{N}]/u.test(character);
    const canOpen = !/\s/.test(after) && !(sign === '_' && isWord(before));
    const canClose = !/\s/.test(before) && !(sign === '_' && isWord(after));
    const growing = this.open && end === this.text.length;
    while (left > 0) {
      const opener = canClose && this.#opener(sign, left);
      const size = opener ? opener.size : Math.min(left, 2);
      left -= size;
      this.at += size;
      if (opener) this.#close(opener);
      else if ((sign === '~' && size < 2) || this.openers.length >= OPENERS) this.plain += sign.repeat(size);
      else if (canOpen) this.#open(sign, size);
      else if (!(growing && sign !== '~' && before === ' ')) this.plain += sign.repeat(size);
    }
  }

  #opener(sign, left) {
    return this.openers.findLast((opener) => opener.sign === sign && opener.size <= left);
  }

  #open(sign, size) {
    this.#flush();
    this.openers.push({ sign, size, index: this.nodes.length });
    this.nodes.push({ type: 'text', text: sign.repeat(size) });
  }

  #close(opener) {
    this.#flush();
    const children = this.nodes.splice(opener.index).slice(1);
    this.openers.length = this.openers.indexOf(opener);
    this.nodes.push({ type: opener.sign === '~' ? 'del' : opener.size === 2 ? 'strong' : 'em', children });
  }

  #closeRest() {
    if (!this.open) return;
    for (const opener of this.openers.slice().reverse()) this.#close(opener);
  }
}

/** Which `[` belongs to which `]`. */
function brackets(text) {
  const pairs = new Map();
  const stack = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '[') stack.push(i);
    else if (text[i] === ']' && stack.length) pairs.set(stack.pop(), i);
  }
  return pairs;
}

/** The address in `(address "title")` at `start`, and where it ends. */
function destination(text, start) {
  if (text[start] !== '(') return null;
  let depth = 0;
  for (let i = start; i < Math.min(text.length, start + 4000) && text[i] !== '\n'; i++) {
    if (text[i] === '(' && ++depth > 16) return null;
    if (text[i] === ')' && --depth === 0) {
      const address = text.slice(start + 1, i).trim().replace(/\s+["'].*$/, '').replace(/^<(.*)>$/, '$1');
      return { address, end: i + 1 };
    }
  }
  return null;
}

/** `address` when a reader may follow it: http, https and mailto only, and in full. */
export function safeAddress(address) {
  try {
    const url = new URL(address);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function trimAddress(address) {
  let end = address.length;
  while (end > 0 && '.,;:!?\'*_~)]'.includes(address[end - 1])) {
    if (address[end - 1] === ')' && address.slice(0, end).split('(').length >= address.slice(0, end).split(')').length) break;
    end--;
  }
  return address.slice(0, end);
}
