// Building the document. Content only ever becomes text nodes and checked attributes, never markup.

/** An element. `on...` properties are listeners, `data` a dataset, false and null are left out, everything else an attribute. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'data') Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SHAPES = {
  plus: 'M12 5v14M5 12h14', menu: 'M4 7h16M4 12h11M4 17h16', close: 'M6 6l12 12M18 6L6 18', up: 'M12 19V5M6 11l6-6 6 6',
  down: 'M12 5v14M6 13l6 6 6-6', pencil: 'M4 20l1-4L16.5 4.5l3 3L8 19l-4 1zM14 7l3 3', trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  copy: 'M9 9h10v11H9zM5 15V4h10', check: 'M5 12.5l4.5 4.5L19 7.5', tool: 'M14.5 6.5a4 4 0 0 0-5 5L4 17l3 3 5.5-5.5a4 4 0 0 0 5-5L15 12l-3-3z',
  left: 'M14.5 6l-6 6 6 6', right: 'M9.5 6l6 6-6 6', pause: 'M9 6v12M15 6v12', play: 'M8 5l11 7-11 7z', skip: 'M6 6l8 6-8 6zM18 6v12',
  fork: 'M7 4v16M7 15c0-5 10-3 10-8V4', sliders: 'M4 8h9M17 8h3M15 6v4M4 16h3M11 16h9M9 14v4',
  stop: 'M7 7h10v10H7z', again: 'M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4', result: 'M5 5v8h12M13 9l4 4-4 4',
};

/** A line drawing that says nothing to a screen reader. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', class: `icon icon-${name}`, 'aria-hidden': 'true' })) svg.setAttribute(key, value);
  path.setAttribute('d', SHAPES[name]);
  svg.append(path);
  return svg;
}

/** Puts `children` into `parent` in this order, moving only what is out of place. What has the focus keeps it. */
export function arrange(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  let next = parent.firstChild;
  for (const child of children) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
  while (next) {
    const following = next.nextSibling;
    next.remove();
    next = following;
  }
  if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

/** Copies `text`, also on plain http pages, where the clipboard's own interface is absent. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h('textarea', { class: 'unseen', 'aria-hidden': 'true' });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** A button that copies what `text()` answers and says so. */
export function copyButton(text, label = 'Copy') {
  const button = h('button', { type: 'button', class: 'quiet small', 'aria-label': label }, icon('copy'), h('span', {}, 'Copy'));
  button.addEventListener('click', async () => {
    await copy(text()).catch(() => {});
    button.replaceChildren(icon('check'), h('span', {}, 'Copied'));
    setTimeout(() => button.replaceChildren(icon('copy'), h('span', {}, 'Copy')), 1600);
  });
  return button;
}
