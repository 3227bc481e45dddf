import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers, freePort, ServerProcess } from './server-process';

/** A real VictoriaLogs, with a folder of its own. */
export class VictoriaLogsServer {
  readonly url: string;
  readonly #folder: string;
  readonly #start: () => Promise<ServerProcess>;
  #process: ServerProcess;

  private constructor(url: string, folder: string, start: () => Promise<ServerProcess>, process: ServerProcess) {
    this.url = url;
    this.#folder = folder;
    this.#start = start;
    this.#process = process;
  }

  /** @throws Error if it does not get ready */
  static async start(path: string): Promise<VictoriaLogsServer> {
    const folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-victoria-'));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const start = (): Promise<ServerProcess> =>
      ServerProcess.start({
        path,
        // The records of the tests have fixed times.
        args: [`-httpListenAddr=127.0.0.1:${port}`, `-storageDataPath=${join(folder, 'data')}`, '-retentionPeriod=100y', '-loggerLevel=WARN'],
        isReady: () => answers(`${url}/health`, 200),
      });
    return new VictoriaLogsServer(url, folder, start, await start());
  }

  /** The rows that this LogsQL query finds. */
  async query(query: string): Promise<Record<string, string>[]> {
    const response = await fetch(`${this.url}/select/logsql/query`, { method: 'POST', body: new URLSearchParams({ query }) });
    const text = await response.text();
    if (response.status !== 200) {
      throw new Error(`the query was answered ${response.status}: ${text.slice(0, 500)}`);
    }
    return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, string>);
  }

  /** Stops it, as an operator does, and keeps what it has stored. */
  async goDown(): Promise<void> {
    await this.#process.stop();
  }

  async goUp(): Promise<void> {
    this.#process = await this.#start();
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
