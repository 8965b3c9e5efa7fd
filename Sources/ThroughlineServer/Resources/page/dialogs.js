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

/** Asks for a line of text, or with `rows` for more; answers it, or null. Empty is an answer only if it is `optional`. */
export function textDialog({ title, label, value = '', action, type = 'text', rows = 0, optional = false, hint = '' }) {
  return ask(title, (close) => {
    const common = { dir: 'auto', 'aria-label': label, autocomplete: 'off', autofocus: true };
    const field = rows ? h('textarea', { rows, ...common }) : h('input', { type, maxlength: '400', ...common });
    field.value = value;
    const finish = () => { if (optional || field.value.trim()) close(field.value.trim()); };
    field.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.isComposing || event.shiftKey) return;
      event.preventDefault();
      finish();
    });
    if (!rows) queueMicrotask(() => field.select());
    return [hint && h('p', {}, hint), field, h('div', { class: 'buttons' },
      h('button', { type: 'button', class: 'quiet', onclick: () => close(null) }, 'Cancel'),
      h('button', { type: 'button', class: 'primary', onclick: finish }, action))];
  }, null);
}

function ask(title, content, otherwise) {
  return new Promise((resolve) => {
    let answer = otherwise;
    const dialog = h('dialog', { 'aria-label': title }, h('h2', {}, title));
    dialog.append(...content((value) => { answer = value; dialog.close(); }).filter(Boolean));
    dialog.addEventListener('close', () => { dialog.remove(); resolve(answer); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
