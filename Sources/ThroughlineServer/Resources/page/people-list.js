// Who is here, put together from the devices. No document here.

/** `{people, agents}`: each person once, with `devices`, `isTyping`, `read`; the agents of active runs with their `health`. */
export function peopleOf(presence) {
  const people = new Map();
  for (const { id, role, device, typing, read, run } of presence) {
    if (run) continue;
    const person = people.get(`${role} ${id}`) ?? { id, role, devices: [], isTyping: false, read: 0 };
    if (device) person.devices.push(device);
    person.isTyping ||= Boolean(typing);
    person.read = Math.max(person.read, read ?? 0);
    people.set(`${role} ${id}`, person);
  }
  return { people: [...people.values()], agents: presence.filter(({ run }) => run) };
}

/** Who else types, in words; empty when nobody does. */
export function typingOf({ people }, me) {
  const names = people.filter(({ id, isTyping }) => isTyping && id !== me).map(({ id }) => id);
  if (names.length === 0) return '';
  if (names.length === 1) return `${names[0]} is typing…`;
  return names.length === 2 ? `${names[0]} and ${names[1]} are typing…` : `${names.length} people are typing…`;
}

/** The number of the newest thing that can be read. */
export function newestOf({ inputs, messages }) {
  return Math.max(inputs.at(-1)?.seq ?? 0, messages.at(-1)?.seq ?? 0);
}

/** At most two letters that stand for a name. */
export function initialsOf(name) {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0]).join('').toUpperCase() || '?';
}
