import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { nodeProgram, type NodeMajor } from './node-releases';
import { decodeLogsRequest, plainValue, type DecodedKeyValue, type DecodedLogRecord } from './otlp-decode';
import type { RecordedRequest } from './fault-server';
import { installOnce, makeUserFolder, type UserFolder } from './package-folder';

/** A line of the SDK with the logging libraries and their instrumentations of the same age, and a Node that both support. */
export interface SdkLine {
  readonly name: string;
  readonly program: string;
  readonly packages: readonly string[];
}

const LIBRARIES = ['@opentelemetry/instrumentation-console@0.4.0', '@opentelemetry/winston-transport@0.34.0', 'pino@10.4.0', 'winston@3.19.0', 'bunyan@1.8.15'];

/** The Node of a line: in the matrix the running one, if the line supports that. */
function nodeOf(byDefault: NodeMajor, oldest: number): { readonly major: number; readonly program: string } {
  const running = Number(process.versions.node.split('.')[0]);
  return process.env['NODE_RELEASES'] === 'running' && running >= oldest ? { major: running, program: process.execPath } : { major: byDefault, program: nodeProgram(byDefault) };
}
const legacyNode = nodeOf(20, 20);
const currentNode = nodeOf(24, 22);

export const sdkLines: readonly SdkLine[] = [
  {
    name: `SDK 0.223.1 on Node ${legacyNode.major}`,
    program: legacyNode.program,
    packages: [
      ...['@opentelemetry/api@1.9.1', '@opentelemetry/api-logs@0.223.1', '@opentelemetry/sdk-logs@0.223.1', '@opentelemetry/resources@2.12.1', '@opentelemetry/auto-instrumentations-node@0.81.2', '@opentelemetry/core@2.12.1'],
      ...['@opentelemetry/instrumentation-pino@0.69.0', '@opentelemetry/instrumentation-winston@0.68.1', ...LIBRARIES],
    ],
  },
  {
    name: `SDK 3.1.1 on Node ${currentNode.major}`,
    program: currentNode.program,
    packages: [
      ...['@opentelemetry/api@1.10.0', '@opentelemetry/api-logs@0.223.1', '@opentelemetry/sdk-logs@3.1.1', '@opentelemetry/resources@3.1.1', '@opentelemetry/auto-instrumentations-node@0.82.0', '@opentelemetry/core@3.1.1'],
      ...['@opentelemetry/instrumentation-pino@0.70.0', '@opentelemetry/instrumentation-winston@0.69.0', ...LIBRARIES],
    ],
  },
];

/** A user's folder with this package, one line of the SDK, and the logging libraries. */
export function makeLoggingFolder(line: SdkLine, files: Readonly<Record<string, string>>): UserFolder {
  const modules = installOnce(line.packages);
  const folder = makeUserFolder(files, modules);
  for (const name of ['pino', 'winston', 'bunyan']) {
    symlinkSync(join(modules, name), join(folder.path, 'node_modules', name));
  }
  return folder;
}

/** Replaces the folder of `@opentelemetry` packages by one with the same packages, to which a test can add, or from which it can take, some. */
export function makeOwnScope({ path }: UserFolder, line: SdkLine, wants: (name: string) => boolean): string {
  const scope = join(path, 'node_modules', '@opentelemetry');
  const packages = join(installOnce(line.packages), '@opentelemetry');
  unlinkSync(scope);
  mkdirSync(scope);
  for (const name of readdirSync(packages).filter(wants)) {
    symlinkSync(join(packages, name), join(scope, name));
  }
  return scope;
}

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

// Far above what any of them needs.
const KILL_AFTER_MILLIS = 30_000;

/** Runs Node in the folder, without what another OpenTelemetry set-up, or Jest, has put into the environment. */
export function runNode(line: SdkLine, folder: UserFolder, argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ProgramEnd> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_') && name !== 'NODE_OPTIONS'));
  const child = spawn(line.program, argv, { cwd: folder.path, env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MILLIS);
  return new Promise((resolve) =>
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    }),
  );
}

export interface ReceivedRecord {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly record: DecodedLogRecord;
  readonly body: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** What arrived at `/v1/logs`, in order. */
export function receivedRecords(requests: readonly RecordedRequest[]): ReceivedRecord[] {
  return requests
    .filter(({ url }) => url === '/v1/logs')
    .flatMap(({ body }) => decodeLogsRequest(body).resourceLogs)
    .flatMap(({ resource, scopeLogs }) =>
      scopeLogs.flatMap(({ scope, logRecords }) =>
        logRecords.map((record) => ({
          resource: plainAttributes(resource.attributes),
          scope: scope.name,
          record,
          body: record.body === undefined ? undefined : plainValue(record.body),
          attributes: plainAttributes(record.attributes),
        })),
      ),
    );
}

function plainAttributes(attributes: readonly DecodedKeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}
