import { join } from 'node:path';
import { expectSettled } from '../support/conservation';
import { FaultServer, after, ok } from '../support/fault-server';
import { installOnce, makeUserFolder, type UserFolder } from '../support/package-folder';
import { expectEveryAnswerLogged, stopUnderLoad, tellStats } from '../support/stopped-application';

// What the README says, and a handler that says something itself.
const application = `
const processor = new QueueLogRecordProcessor({ exporter: otlp() });
const provider = new LoggerProvider({ processors: [processor] });
const app = express();
app.use(requestLog(provider));

const logger = provider.getLogger('orders');
app.get('/orders/:id', (request, response) => {
  logger.emit({ severityNumber: 9, body: 'order read', attributes: { order: Number(request.params.id) } });
  setTimeout(() => response.json({ order: request.params.id }), 5);
});

app.use(requestErrors());
const server = app.listen(process.env.PORT, () => console.log('listening on http://localhost:' + server.address().port));
gracefulShutdown(server, provider);
`;
const imports: readonly [string, string][] = [
  ['express', 'express'],
  ['{ LoggerProvider }', '@opentelemetry/sdk-logs'],
  ['{ otlp, QueueLogRecordProcessor }', 'otel-log-queue'],
  ['{ gracefulShutdown, requestErrors, requestLog }', 'otel-log-queue/express'],
];
const preload: readonly [string, string][] = [
  ['fs', 'node:fs'],
  ['{ QueueLogRecordProcessor }', 'otel-log-queue'],
];
const asCommonJs = (from: readonly [string, string][]): string => from.map(([names, name]) => `const ${names} = require('${name}');\n`).join('');
const asModule = (from: readonly [string, string][]): string => from.map(([names, name]) => `import ${names} from '${name}';\n`).join('');

jest.setTimeout(300_000);

describe.each([
  ['express@4.22.3', '0.223.1', undefined],
  ['express@5.3.0', '3.1.1', ['@opentelemetry/api@1.10.0', '@opentelemetry/sdk-logs@3.1.1']],
] as const)('an application of %s with sdk-logs %s, in an empty folder with the packed package', (version, _sdk, sdk) => {
  let folder: UserFolder;
  let receiver: FaultServer;

  beforeAll(() => {
    folder = makeUserFolder(
      {
        'app.cjs': asCommonJs(imports) + application,
        'app.mjs': asModule(imports) + application,
        'tell-stats.cjs': tellStats(asCommonJs(preload)),
        'tell-stats.mjs': tellStats(asModule(preload)),
      },
      sdk && installOnce(sdk),
      installOnce([version]),
    );
  });

  afterAll(() => folder.remove());

  beforeEach(async () => {
    receiver = await FaultServer.start(after(20, ok));
  });

  afterEach(() => receiver.close());

  it.each([
    ['CommonJS', ['--require', './tell-stats.cjs', 'app.cjs'], false],
    ['ESM', ['--import', './tell-stats.mjs', 'app.mjs'], true],
  ] as const)('%s: stopped by SIGTERM under load, every response that was sent has its record, once', async (_, argv, keepAlive) => {
    const stopped = await stopUnderLoad({ cwd: folder.path, argv: argv.map((each) => (each.startsWith('./') ? join(folder.path, each) : each)), receiver, requests: 1000, stopAfter: 400, keepAlive });
    expect(stopped).toMatchObject({ code: null, signal: 'SIGTERM', stderr: '' });
    expect(stopped.answered.length).toBeGreaterThanOrEqual(400);
    expect(stopped.answered.length).toBeLessThan(1000);
    expectEveryAnswerLogged(stopped, receiver);
    expectSettled(stopped.stats);
  });
});
