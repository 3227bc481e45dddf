import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LokiQuery } from './loki-query';
import { answers, freePort, ServerProcess } from './server-process';

/** A real Loki, with a folder of its own; the tenant picks the limits. */
export class LokiServer {
  readonly url: string;
  readonly #end: () => Promise<void>;

  private constructor(url: string, end: () => Promise<void>) {
    this.url = url;
    this.#end = end;
  }

  /**
   * Resolves when it takes pushes and answers queries.
   * @throws Error if it does not get ready
   */
  static async start(path: string): Promise<LokiServer> {
    const folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-loki-'));
    const [port, grpcPort] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    const process = await ServerProcess.start({
      path,
      args: [`-config.file=${join(__dirname, 'loki.yaml')}`, '-config.expand-env=true'],
      environment: { LOKI_PORT: String(port), LOKI_GRPC_PORT: String(grpcPort), LOKI_FOLDER: folder, LOKI_OVERRIDES: join(__dirname, 'loki-overrides.yaml') },
      // The first query waits until the query workers have found their frontend.
      isReady: async () => (await answers(`${url}/ready`, 200)) && (await new LokiQuery(url, { 'x-scope-orgid': 'ready' }).count('{a="b"}')) === 0,
    });
    return new LokiServer(url, async () => {
      await process.stop();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  /** One that is running, with the configuration of loki.yaml. */
  static running(url: string): LokiServer {
    return new LokiServer(url.replace(/\/+$/, ''), () => Promise.resolve());
  }

  stop(): Promise<void> {
    return this.#end();
  }
}
