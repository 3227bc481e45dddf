// OTELCOL_BIN=/path/to/otelcol-contrib npm run example collector-gateway
// An application in front of two tiers of Collectors with Loki behind them (agent.yaml, gateway.yaml). Without OTELCOL_BIN the tiers must be running.
// LOKI_OTLP_ENDPOINT says where Loki is (default http://127.0.0.1:3100/otlp), RECORDS how many records there are (default 1000).
import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { otlp, QueueLogRecordProcessor } from 'otel-log-queue';

const agent = process.env['AGENT_LISTEN'] ?? '127.0.0.1:4318';
const gateway = process.env['GATEWAY_LISTEN'] ?? '127.0.0.1:14318';

/** Starts one tier; resolves when it listens. */
async function startTier(program: string, config: string, address: string): Promise<ChildProcess> {
  const tier = spawn(program, ['--config', join(__dirname, config)], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, GATEWAY_ENDPOINT: `http://${gateway}` } });
  const [host, port] = address.split(':');
  while (tier.exitCode === null) {
    const socket = connect(Number(port), host);
    const isOpen = await new Promise<boolean>((resolve) => socket.once('connect', () => resolve(true)).once('error', () => resolve(false)));
    socket.destroy();
    if (isOpen) {
      return tier;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${program} --config ${config} has ended with ${tier.exitCode}`);
}

async function main(): Promise<void> {
  const program = process.env['OTELCOL_BIN'];
  const tiers = program === undefined ? [] : [await startTier(program, 'gateway.yaml', gateway), await startTier(program, 'agent.yaml', agent)];
  // The agent is next door and answers as soon as it has queued: small delays, and no spool unless the agent itself may be gone for long.
  const processor = new QueueLogRecordProcessor({ exporter: otlp({ url: `http://${agent}/v1/logs` }), scheduledDelayMillis: 200 });
  const provider = new LoggerProvider({ processors: [processor] });
  const logger = provider.getLogger('orders');
  for (let order = 1; order <= Number(process.env['RECORDS'] ?? 1000); order++) {
    logger.emit({ severityNumber: 9, severityText: 'INFO', body: 'order read', attributes: { order } });
  }
  await provider.shutdown();
  console.log('delivered to the agent', processor.stats().lanes['otlp']?.delivered);
  // A Collector that is told to end delivers its queue first. In the direction of the data: what one still sends, the next one still takes.
  for (const tier of tiers.reverse()) {
    const ended = new Promise((resolve) => tier.once('close', resolve));
    tier.kill('SIGTERM');
    await ended;
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
