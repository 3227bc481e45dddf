import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

export interface ServerProgram {
  readonly path: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether it takes requests; a failing connection counts as no. */
  readonly isReady: () => Promise<boolean>;
}

const READY_WITHIN_MILLIS = 30_000;
const STOP_WITHIN_MILLIS = 15_000;
const READY_CHECK_MILLIS = 20;
const KEPT_OUTPUT_CHARACTERS = 20_000;

/** A server of the tests' own, ended by its own process id. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = '';

  private constructor({ path, args, environment }: ServerProgram) {
    this.#child = spawn(path, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + String(chunk)).slice(-KEPT_OUTPUT_CHARACTERS);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.#ended = once(this.#child, 'exit').catch((error: unknown) => keep(Buffer.from(String(error))));
  }

  /**
   * Resolves when it takes requests.
   * @throws Error with its last output if it ends, or is not ready within half a minute
   */
  static async start(program: ServerProgram): Promise<ServerProcess> {
    const server = new ServerProcess(program);
    let hasEnded = false;
    void server.#ended.then(() => (hasEnded = true));
    const giveUp = Date.now() + READY_WITHIN_MILLIS;
    while (!(await program.isReady().catch(() => false))) {
      if (hasEnded || Date.now() > giveUp) {
        await server.kill();
        throw new Error(`${program.path} ${hasEnded ? 'has ended' : 'is not ready'}: ${server.output.slice(-2000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, READY_CHECK_MILLIS));
    }
    return server;
  }

  /** The last of what it has printed. */
  get output(): string {
    return this.#output;
  }

  /** As an operator stops it; by force after 15 s. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MILLIS);
    this.#child.kill('SIGTERM');
    await this.#ended;
    clearTimeout(timer);
  }

  /** As a power failure does it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** One that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** For `isReady`: whether a GET is answered with this status. */
export async function answers(url: string, status: number): Promise<boolean> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status === status;
}

/** For `isReady`: whether something takes connections at this port. */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}
