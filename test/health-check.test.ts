import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { ROOT } from '../scripts/load/build';
import { healthCheck, otlp, type QueueLogRecordProcessorOptions } from '../src';
import { captureDiag } from './support/capture-diag';
import { FaultServer, hang, ok, status } from './support/fault-server';
import { ScriptedExporter } from './support/scripted-exporter';
import { endRigs, makeRig as makePlainRig, type Rig } from './support/sdk';
import { until } from './support/until';

let server: FaultServer;
let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(async () => {
  diagnostics = captureDiag();
  server = await FaultServer.start(ok);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await endRigs();
  await server.close();
  diagnostics.restore();
});

jest.setTimeout(30_000);

describe.each(['event-loop', 'thread'] as const)('healthCheck, %s', (worker) => {
  const makeRig = (options: Partial<QueueLogRecordProcessorOptions> = {}): Rig =>
    makePlainRig({ exporter: otlp({ url: server.url }), worker, scheduledDelayMillis: 5, ...options } as QueueLogRecordProcessorOptions);

  it('is ok before, while and after it delivers', async () => {
    const { processor, emit } = makeRig();
    expect(healthCheck(processor)).toEqual({
      status: 'ok',
      worker,
      queued: 0,
      lostLastMinute: 0,
      losses: [],
      lanes: { otlp: { status: 'ok', state: 'ready', queued: 0, inFlight: 0, spooled: 0, lostLastMinute: 0 } },
    });
    server.script(hang, ok);
    emit(0, 3);
    await until(() => processor.stats().lanes['otlp']?.inFlight === 3);
    expect(healthCheck(processor)).toMatchObject({ status: 'ok', lanes: { otlp: { state: 'exporting', inFlight: 3 } } });
  });

  it('is degraded while a lane cannot deliver, names the lane, and is ok again when it can', async () => {
    server.script(status(503));
    const other = await FaultServer.start(ok);
    const { processor, emit } = makeRig({
      exporter: undefined,
      exporters: [
        { exporter: otlp({ url: server.url }), name: 'down' },
        { exporter: otlp({ url: other.url }), name: 'up' },
      ],
      retry: { initialDelayMillis: 60_000, maxDelayMillis: 60_000 },
    });
    emit(0, 3);
    await until(() => processor.stats().lanes['down']?.state === 'backing-off' && processor.stats().lanes['up']?.delivered === 3);
    expect(healthCheck(processor)).toMatchObject({ status: 'degraded', lostLastMinute: 0, lanes: { down: { status: 'degraded', state: 'backing-off', inFlight: 3 }, up: { status: 'ok' } } });
    server.script(ok);
    await processor.forceFlush();
    expect(healthCheck(processor).status).toBe('ok');
    await other.close();
  });

  it('is degraded for a minute after a loss, and says where and why', async () => {
    const { processor, emit } = makeRig();
    server.script(status(401), ok);
    emit(0, 3);
    await until(() => processor.stats().lost === 3);
    expect(healthCheck(processor)).toMatchObject({ status: 'degraded', lostLastMinute: 3, losses: [{ lane: 'otlp', reason: 'export_failed', count: 3 }], lanes: { otlp: { status: 'degraded', state: 'ready', lostLastMinute: 3 } } });
    // Told by the reporter meanwhile: counted once all the same.
    await until(() => diagnostics.lines.some((line) => line.includes('losing log records')));
    expect(healthCheck(processor).lostLastMinute).toBe(3);

    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + 55_000);
    expect(healthCheck(processor)).toMatchObject({ status: 'degraded', lostLastMinute: 3 });
    clock.mockImplementation(() => now() + 62_000);
    expect(healthCheck(processor)).toMatchObject({ status: 'ok', lostLastMinute: 0, losses: [] });
    expect(processor.stats().lost).toBe(3);
  });

  it('is shutdown after shutdown(), whatever was lost', async () => {
    const { processor } = makeRig();
    await processor.shutdown();
    processor.onEmit({ body: 'too late' } as never);
    expect(healthCheck(processor)).toMatchObject({ status: 'shutdown', lanes: { otlp: { status: 'shutdown', state: 'shutdown' } } });
  });
});

describe('healthCheck', () => {
  it('counts what is lost in this very turn, without keeping it from onLoss', async () => {
    const told: unknown[] = [];
    const { processor, emit } = makePlainRig({ exporter: new ScriptedExporter(), maxQueueSize: 2, onLoss: (losses) => told.push(...losses) });
    emit(0, 5);
    const losses = [{ lane: 'ScriptedExporter', reason: 'queue_full', count: 3 }];
    expect(healthCheck(processor).losses).toEqual(losses);
    expect(healthCheck(processor).losses).toEqual(losses);
    await until(() => told.length > 0);
    expect(told).toEqual(losses);
    emit(5, 6);
    expect(healthCheck(processor).losses).toEqual([{ ...losses[0], count: 4 }]);
  });

  it('is failed where an exporter could not be made', async () => {
    const { processor } = makePlainRig({ exporter: { module: 'no-such-module' } });
    await until(() => processor.stats().lanes['no-such-module']?.state === 'failed');
    expect(healthCheck(processor)).toMatchObject({ status: 'failed', lanes: { 'no-such-module': { status: 'failed', state: 'failed' } } });
  });

  it('is a TypeError for anything else', () => {
    for (const other of [undefined, null, {}, 'processor'] as never[]) {
      expect(() => healthCheck(other)).toThrow(TypeError);
    }
  });

  it('is cheap: a probe that asks all the time costs the process nothing that one would notice', () => {
    const { processor, emit } = makePlainRig({ exporter: new ScriptedExporter(), maxQueueSize: 2 });
    emit(0, 10);
    const before = process.getActiveResourcesInfo().length;
    for (let count = 0; count < 1000; count++) {
      healthCheck(processor);
    }
    expect(process.getActiveResourcesInfo().length).toBe(before);
  });

  it('keeps no process alive, and takes a processor of the other copy of the package', () => {
    const script = `
      const { QueueLogRecordProcessor, counting } = require('./dist/index.cjs');
      import('./dist/index.mjs').then(({ healthCheck }) => {
        const processor = new QueueLogRecordProcessor({ exporter: counting(), worker: 'event-loop', maxQueueSize: 1, scheduledDelayMillis: 0 });
        for (let count = 0; count < 3; count++) processor.onEmit({ body: 'x', attributes: {}, resource: { attributes: {} }, instrumentationScope: { name: 's' }, hrTime: [0, 0], hrTimeObserved: [0, 0] });
        console.log(healthCheck(processor).lostLastMinute);
      });`;
    const { stdout, status: code } = spawnSync(process.execPath, ['-e', script], { cwd: ROOT, encoding: 'utf8', timeout: 20_000 });
    expect({ stdout, code }).toEqual({ stdout: '2\n', code: 0 });
  });
});

