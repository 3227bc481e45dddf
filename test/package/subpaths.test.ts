import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installOnce, makeUserFolder, type UserFolder } from '../support/package-folder';

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs code in the folder, as CommonJS or as an ES module. */
function run(folder: UserFolder, format: 'cjs' | 'mjs', code: string): Ended {
  const file = join(folder.path, `code.${format}`);
  writeFileSync(file, code);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: folder.path, encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}

const load = { cjs: (name: string) => `require('${name}')`, mjs: (name: string) => `await import('${name}')` };
const formats = ['cjs', 'mjs'] as const;

jest.setTimeout(300_000);

describe('where no framework is installed', () => {
  let folder: UserFolder;

  beforeAll(() => {
    folder = makeUserFolder({});
  });

  afterAll(() => folder.remove());

  it.each(formats)('%s: the main entry loads none, and starts nothing', (format) => {
    const code = `
      const before = process.eventNames().length;
      const names = Object.keys(${load[format]('otel-log-queue')}).length;
      console.log(names > 5, process.getActiveResourcesInfo().filter((name) => !/TTY|Pipe|File|FS|Close/.test(name)).length, process.eventNames().length - before);`;
    expect(run(folder, format, code)).toEqual({ status: 0, stdout: 'true 0 0\n', stderr: '' });
  });

  it.each(formats)('%s: the express entry needs no Express: it uses its types only, and not even those', (format) => {
    expect(run(folder, format, `console.log(Object.keys(${load[format]('otel-log-queue/express')}).sort().join())`)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^gracefulShutdown,(module\.exports,)?requestErrors,requestLog\n$/) as unknown, stderr: '' });
  });

  it.each(formats)('%s: the nestjs entry says what is missing', (format) => {
    expect(run(folder, format, load[format]('otel-log-queue/nestjs'))).toMatchObject({ status: 1, stderr: expect.stringMatching(/Cannot find (module|package) '@nestjs\/common'/) as unknown });
  });
});

describe.each(['11.2.10', '12.5.1'])('with Nest %s', (nest) => {
  let folder: UserFolder;

  beforeAll(() => {
    folder = makeUserFolder({}, undefined, installOnce([`@nestjs/common@${nest}`, `@nestjs/core@${nest}`, `@nestjs/platform-express@${nest}`, 'reflect-metadata@0.2.2', 'rxjs@7.8.2']));
  });

  afterAll(() => folder.remove());

  it.each(formats)('%s: loads neither Express nor the HTTP platform of Nest, and its processor is that of the main entry', (format) => {
    const code = `
      const { QueueLogRecordProcessor, counting } = ${load[format]('otel-log-queue')};
      const { LogQueueModule } = ${load[format]('otel-log-queue/nestjs')};
      const { providers } = LogQueueModule.forRoot({});
      const { createRequire } = ${load[format]('node:module')};
      const loaded = Object.keys(createRequire(${JSON.stringify(join('/', 'x.js'))}).cache).filter((path) => /platform-express|node_modules.express./.test(path));
      console.log(providers.some(({ provide }) => provide === QueueLogRecordProcessor), loaded.length);`;
    expect(run(folder, format, code)).toEqual({ status: 0, stdout: 'true 0\n', stderr: '' });
  });
});
