import { mint } from '../client/throughline.js';

/** Who this browser is: a name that stays, on a device that is this tab. */
export function identity() {
  return {
    id: keep('localStorage', 'throughline.participant', () => `guest-${mint('').slice(-4)}`),
    role: 'user',
    device: keep('sessionStorage', 'throughline.device', () => mint('tab').slice(0, 12)),
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
