import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { accepts, freePort, ServerProcess } from './server-process';

export interface CollectorOptions {
  /** Where it sends what it has decoded. */
  readonly sinkUrl: string;
  /** A pattern: files of OTLP/JSON lines to read. Default none. */
  readonly jsonFiles?: string;
  /** Whether it takes Loki pushes. Default false. */
  readonly takesLoki?: boolean;
  /** A folder with `server.pem`, `server.key` and `ca.pem`: HTTPS, for clients with a certificate of that authority. Default: plain HTTP. */
  readonly tlsFolder?: string;
}

/** A real OpenTelemetry Collector in front of a sink of the test. */
export class CollectorServer {
  /** Of its OTLP/HTTP receiver, without a path. */
  readonly url: string;
  readonly lokiUrl: string;
  readonly #start: () => Promise<ServerProcess>;
  #process: ServerProcess;

  private constructor(url: string, lokiUrl: string, start: () => Promise<ServerProcess>, process: ServerProcess) {
    this.url = url;
    this.lokiUrl = lokiUrl;
    this.#start = start;
    this.#process = process;
  }

  /** @throws Error if it does not get ready */
  static async start(path: string, { sinkUrl, jsonFiles, takesLoki = false, tlsFolder }: CollectorOptions): Promise<CollectorServer> {
    const [port, lokiPort] = [await freePort(), await freePort()];
    const [url, lokiUrl] = [`${tlsFolder === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, `http://127.0.0.1:${lokiPort}`];
    const configs = [
      'collector.yaml',
      ...(jsonFiles === undefined ? [] : ['collector-files.yaml']),
      ...(takesLoki ? ['collector-loki.yaml'] : []),
      ...(tlsFolder === undefined ? [] : ['collector-tls.yaml']),
    ];
    const start = (): Promise<ServerProcess> =>
      ServerProcess.start({
        path,
        args: configs.flatMap((name) => ['--config', `file:${join(__dirname, name)}`]),
        environment: { OTLP_PORT: String(port), LOKI_PORT: String(lokiPort), SINK_URL: sinkUrl, JSON_FILES: jsonFiles ?? '', TLS_FOLDER: tlsFolder ?? '' },
        isReady: () => accepts(port),
      });
    return new CollectorServer(url, lokiUrl, start, await start());
  }

  get output(): string {
    return this.#process.output;
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  /** After an end, on the same ports. */
  async restart(): Promise<void> {
    this.#process = await this.#start();
  }
}

/** Whether this Collector was built with that receiver. */
export function hasReceiver(path: string, name: string): boolean {
  const { stdout } = spawnSync(path, ['components'], { encoding: 'utf8' });
  const receivers = /^receivers:\n((?: .*\n)*)/m.exec(stdout)?.[1] ?? '';
  return new RegExp(`name: ${name}$`, 'm').test(receivers);
}
