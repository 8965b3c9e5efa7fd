// Text measured as the protocol measures it: in UTF-8 bytes.

const encoder = new TextEncoder();

/** The length of `text` in UTF-8 bytes. */
export function byteLength(text) {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (isPairAt(text, i)) { bytes += 4; i++; }
    else bytes += 3;
  }
  return bytes;
}

/** `text` without its first `count` UTF-8 bytes, or null when that would cut a character in two. */
export function dropBytes(text, count) {
  let i = 0;
  while (count > 0 && i < text.length) {
    const width = isPairAt(text, i) ? 2 : 1;
    count -= encoder.encode(text.slice(i, i + width)).length;
    i += width;
  }
  return count < 0 ? null : text.slice(i);
}

/** At most `limit` UTF-8 bytes of `text`, never half a character. */
export function clip(text, limit) {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += byteLength(character);
    if (bytes > limit) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function isPairAt(text, i) {
  return (text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
}
