import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What happens to a connection; from client to server, unless it says otherwise. */
export type NetworkFault =
  | 'none'
  /** Taken, and reset at the first byte. */
  | 'reset'
  /** Taken, read, and never answered. */
  | 'half-open'
  /** The answer is bytes that no protocol has. */
  | 'garbage'
  /** Every piece is late by so much, in both directions. */
  | { readonly latencyMillis: number }
  /** Reset after so many bytes of the client have been passed on. */
  | { readonly cutAfterBytes: number }
  | { readonly bytesPerSecond: number };

/** A TCP proxy on loopback in front of one port, with faults below HTTP. */
export class TcpProxy {
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #fault: NetworkFault = 'none';
  #port = 0;
  #connections = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    await proxy.goUp();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** How many connections were ever made. */
  get connections(): number {
    return this.#connections;
  }

  openSockets(): number {
    return this.#sockets.size;
  }

  /** For the connections that come; the open ones are ended, so that the next request meets it. */
  setFault(fault: NetworkFault): void {
    this.#fault = fault;
    this.#endConnections();
  }

  /** Connections are refused from now on; the open ones are ended. */
  async goDown(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
    this.#endConnections();
    await closed;
  }

  /** Takes connections again, on the port that it had. */
  async goUp(): Promise<void> {
    const server = createServer((client) => this.#onConnection(client));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  #endConnections(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #onConnection(client: Socket): void {
    this.#connections++;
    this.#track(client);
    const fault = this.#fault;
    if (fault === 'reset') {
      client.once('data', () => client.resetAndDestroy());
    } else if (fault === 'half-open') {
      client.resume();
    } else if (fault === 'garbage') {
      client.once('data', () => client.end(Buffer.from([0x00, 0xff, 0x16, 0x03, 0x01, 0x0d, 0x0a, 0x0d, 0x0a])));
    } else {
      this.#pass(client, fault);
    }
  }

  #pass(client: Socket, fault: NetworkFault): void {
    const server = connect(this.#targetPort, '127.0.0.1');
    this.#track(server);
    const latencyMillis = typeof fault === 'object' && 'latencyMillis' in fault ? fault.latencyMillis : 0;
    // What one side has said last still reaches the other one.
    client.on('close', () => void setTimeout(() => server.destroySoon(), latencyMillis));
    server.on('close', () => void setTimeout(() => client.destroySoon(), latencyMillis));
    if (typeof fault === 'string') {
      client.pipe(server).pipe(client);
    } else if ('latencyMillis' in fault) {
      passLate(client, server, latencyMillis);
      passLate(server, client, latencyMillis);
    } else if ('cutAfterBytes' in fault) {
      let left = fault.cutAfterBytes;
      client.on('data', (chunk: Buffer) => {
        server.write(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) {
          client.resetAndDestroy();
        }
      });
      server.pipe(client);
    } else {
      passSlowly(client, server, fault.bytesPerSecond);
      server.pipe(client);
    }
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

function passLate(from: Socket, to: Socket, latencyMillis: number): void {
  // Timers of one duration run in the order in which they were set.
  from.on('data', (chunk: Buffer) => void setTimeout(() => to.write(chunk), latencyMillis));
  from.on('end', () => void setTimeout(() => to.end(), latencyMillis));
}

function passSlowly(from: Socket, to: Socket, bytesPerSecond: number): void {
  from.on('data', (chunk: Buffer) => {
    from.pause();
    setTimeout(
      () => {
        to.write(chunk);
        from.resume();
      },
      (chunk.length / bytesPerSecond) * 1000,
    );
  });
}
