const MAX_SHOWN_BYTES = 1024;
const REPLACEMENT = '***';

/** Turns what a backend says into something that may stand in a message: short, printable, without credentials. */
export class BackendText {
  readonly #secrets: RegExp | undefined;
  readonly #longestSecret: number;

  constructor(secrets: readonly string[]) {
    const forms = new Set<string>();
    for (const secret of secrets) {
      // A backend may repeat a header inside JSON or a URL.
      for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(Buffer.from(secret).toString())]) {
        forms.add(printable(form));
      }
    }
    forms.delete('');
    // The longest first: one secret may be a part of another.
    const sorted = [...forms].sort((a, b) => b.length - a.length);
    this.#longestSecret = sorted[0]?.length ?? 0;
    this.#secrets = sorted.length === 0 ? undefined : new RegExp(sorted.map((form) => form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'g');
  }

  /** At most 1 KB of the text, empty if it is no text. */
  firstWords(body: Uint8Array): string {
    // Enough that what is left after the cut still holds a whole KB in the usual case.
    const taken = body.subarray(0, 4 * MAX_SHOWN_BYTES + 4 * this.#longestSecret);
    let text: string;
    try {
      // `stream` accepts a character that the cut has split.
      text = printable(new TextDecoder('utf-8', { fatal: true }).decode(taken, { stream: true }));
    } catch {
      return '';
    }
    if (this.#secrets !== undefined) {
      text = text.replace(this.#secrets, REPLACEMENT);
      if (taken.length < body.length) {
        // The cut may have gone through a secret, whose beginning is then not recognized.
        text = text.slice(0, Math.max(0, text.length - this.#longestSecret));
      }
    }
    const bytes = Buffer.from(text);
    return bytes.length > MAX_SHOWN_BYTES ? new TextDecoder().decode(bytes.subarray(0, MAX_SHOWN_BYTES), { stream: true }) : text;
  }
}

/** The text on one line: every control character becomes a space, runs of white space become one. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
}
