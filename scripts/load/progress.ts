/** A line that tells how far the load is, on a terminal only. The process under load is not asked: answering would cost it. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  start(title: string): void {
    if (!this.#stream.isTTY) {
      return;
    }
    const begin = performance.now();
    const show = (): void => {
      this.#stream.write(`\r\u001b[K${title}: ${Math.round((performance.now() - begin) / 1000)} s`);
    };
    show();
    this.#timer = setInterval(show, 1000);
  }

  stop(): void {
    if (this.#timer !== undefined) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#stream.write('\r\u001b[K');
    }
  }
}
