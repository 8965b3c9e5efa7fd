/** A fresh id of 128 random bits. Not `crypto.randomUUID`, which is absent on plain http pages of other hosts. */
export function mint(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `${prefix}-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
