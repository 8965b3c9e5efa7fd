import { h } from './dom.js';

/** Asks for a yes; answers whether it was given. */
export function confirmDialog({ title, text, action }) {
  return ask(title, (close) => [
    h('p', { dir: 'auto' }, text),
    h('div', { class: 'buttons' },
      h('button', { type: 'button', class: 'quiet', onclick: () => close(false) }, 'Cancel'),
      h('button', { type: 'button', class: 'danger', onclick: () => close(true) }, action)),
  ], false);
}

/** Asks for a line of text; answers it, or null. */
export function textDialog({ title, label, value = '', action, type = 'text' }) {
  return ask(title, (close) => {
    const field = h('input', { type, dir: 'auto', 'aria-label': label, autocomplete: 'off', autofocus: true, maxlength: '400' });
    field.value = value;
    const finish = () => { if (field.value.trim()) close(field.value.trim()); };
    field.addEventListener('keydown', (event) => { if (event.key === 'Enter' && !event.isComposing) { event.preventDefault(); finish(); } });
    queueMicrotask(() => field.select());
    return [field, h('div', { class: 'buttons' },
      h('button', { type: 'button', class: 'quiet', onclick: () => close(null) }, 'Cancel'),
      h('button', { type: 'button', class: 'primary', onclick: finish }, action))];
  }, null);
}

function ask(title, content, otherwise) {
  return new Promise((resolve) => {
    let answer = otherwise;
    const dialog = h('dialog', { 'aria-label': title }, h('h2', {}, title));
    dialog.append(...content((value) => { answer = value; dialog.close(); }));
    dialog.addEventListener('close', () => { dialog.remove(); resolve(answer); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
