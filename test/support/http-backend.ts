import { FaultServer, type FaultStep, type RecordedRequest } from './fault-server';

type FaultFor = (sequences: readonly number[], request: number) => FaultStep | undefined;

/** An HTTP backend that a test can refuse, end and begin again; what it answers with success is what it has taken. */
export class HttpBackend {
  readonly taken: number[] = [];
  /** When each request has arrived, in `Date.now()`. */
  readonly arrivals: number[] = [];
  readonly #success: FaultStep;
  readonly #sequencesOf: (request: RecordedRequest) => number[];
  readonly #faultFor: FaultFor;
  #server: FaultServer;

  private constructor(server: FaultServer, success: FaultStep, sequencesOf: (request: RecordedRequest) => number[], faultFor: FaultFor) {
    this.#server = server;
    this.#success = success;
    this.#sequencesOf = sequencesOf;
    this.#faultFor = faultFor;
  }

  /** @param faultFor what becomes of a request instead of success, by the records in it and its number, from 1 */
  static async start(
    success: FaultStep,
    sequencesOf: (request: RecordedRequest) => number[],
    faultFor: FaultFor = () => undefined,
  ): Promise<HttpBackend> {
    const backend = new HttpBackend(await FaultServer.start(), success, sequencesOf, faultFor);
    backend.#server.script(backend.#step());
    return backend;
  }

  get url(): string {
    return this.#server.url;
  }

  async goDown(): Promise<number> {
    const { port } = this.#server;
    await this.#server.close();
    return port;
  }

  async goUp(port: number): Promise<void> {
    this.#server = await FaultServer.startAt(port, this.#step());
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #step(): FaultStep {
    return {
      answer: (response, request, recorded) => {
        const sequences = this.#sequencesOf(recorded);
        const fault = this.#faultFor(sequences, this.arrivals.push(Date.now()));
        if (fault === undefined) {
          this.taken.push(...sequences);
        }
        (fault ?? this.#success).answer(response, request, recorded);
      },
    };
  }
}
