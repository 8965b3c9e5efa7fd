import { h } from './dom.js';

/**
 * Fields for a JSON schema: one for each property of a flat object, or one for a single value; anything else is written as JSON.
 * `{elements, value()}`; `value` throws a `SyntaxError` for what is no JSON.
 */
export function schemaForm(schema) {
  if (!schema || schema.type === 'string' && !schema.enum) {
    const area = h('textarea', { rows: '2', dir: 'auto', 'aria-label': 'Answer' });
    return { elements: [area], value: () => area.value };
  }
  if (schema.type === 'object' && schema.properties && Object.values(schema.properties).every(isSimple)) return objectForm(schema);
  if (isSimple(schema)) {
    const field = fieldFor('Answer', schema);
    return { elements: [field.element], value: field.value };
  }
  const area = h('textarea', { rows: '4', class: 'json', spellcheck: 'false', 'aria-label': 'Answer, as JSON', placeholder: 'JSON' });
  return { elements: [area], value: () => JSON.parse(area.value) };
}

function objectForm({ properties, required = [] }) {
  const fields = Object.entries(properties).map(([name, schema]) => [name, fieldFor(schema.title ?? name, schema)]);
  return {
    elements: fields.map(([, field]) => field.element),
    value: () => Object.fromEntries(fields.map(([name, field]) => [name, field.value()])
      .filter(([name, value]) => required.includes(name) || (value !== '' && value !== undefined))),
  };
}

function isSimple(schema) {
  return Array.isArray(schema.enum) ? schema.enum.every((one) => typeof one !== 'object') : ['string', 'number', 'integer', 'boolean'].includes(schema.type);
}

function fieldFor(label, schema) {
  if (schema.enum) {
    const select = h('select', {}, schema.enum.map((one, place) => h('option', { value: String(place) }, String(one))));
    return { element: h('label', {}, h('span', {}, label), select), value: () => schema.enum[Number(select.value)] };
  }
  if (schema.type === 'boolean') {
    const box = h('input', { type: 'checkbox' });
    return { element: h('label', { class: 'check' }, box, h('span', {}, label)), value: () => box.checked };
  }
  const isNumber = schema.type === 'number' || schema.type === 'integer';
  const field = h('input', {
    type: isNumber ? 'number' : 'text', dir: 'auto', autocomplete: 'off', min: schema.minimum, max: schema.maximum, maxlength: schema.maxLength,
    step: isNumber ? (schema.type === 'integer' ? '1' : 'any') : null,
  });
  return { element: h('label', {}, h('span', {}, label), field), value: () => (isNumber ? (field.value === '' ? undefined : Number(field.value)) : field.value) };
}
