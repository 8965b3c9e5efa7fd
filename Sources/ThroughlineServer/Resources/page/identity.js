import { mint } from '../client/throughline.js';

/**
 * Who this browser is: a name that stays, on a device that is this tab. `as`, from the address, says otherwise, as the protocol's
 * header does: `olga; role=operator; device=desk`.
 */
export function identity(as) {
  const [id, ...fields] = (as ?? '').split(';').map((text) => text.trim());
  const given = Object.fromEntries(fields.map((field) => field.split('=').map((text) => text.trim())));
  return {
    id: id || keep('localStorage', 'throughline.participant', () => `guest-${mint('').slice(-4)}`),
    role: ['operator', 'observer'].includes(given.role) ? given.role : 'user',
    device: given.device || keep('sessionStorage', 'throughline.device', () => mint('tab').slice(0, 12)),
  };
}

/** The key that was given in this tab, if one was. */
export function heldKey() {
  return keep('sessionStorage', 'throughline.key', () => null) ?? undefined;
}

export function holdKey(key) {
  try {
    sessionStorage.setItem('throughline.key', key);
  } catch {
    // It is asked for again after a reload.
  }
}

function keep(storage, key, make) {
  try {
    const held = globalThis[storage].getItem(key);
    if (held) return held;
    const made = make();
    if (made) globalThis[storage].setItem(key, made);
    return made;
  } catch {
    return make();
  }
}
