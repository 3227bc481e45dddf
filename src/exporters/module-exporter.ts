import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { ExportError } from './export-error';
import type { ResolvedModuleExporter } from './module-description';
import { importFrom } from './module-import';

type ExportArguments = Parameters<LogRecordExporter['export']>;

const MAX_CAUSE_CHARACTERS = 1024;

/** An exporter that is loaded by the name of its module; exports wait until it is there. In a lane it is what the exporter itself would be: an exporter object. */
export class ModuleLogRecordExporter implements LogRecordExporter {
  /** Rejects, with an `Error` that names module and export, if there will never be an exporter. */
  readonly loaded: Promise<LogRecordExporter>;
  #exporter: LogRecordExporter | undefined = undefined;

  constructor(description: ResolvedModuleExporter) {
    this.loaded = load(description).then((exporter) => (this.#exporter = exporter));
    // Whoever awaits it is told; nobody has to.
    this.loaded.catch(() => undefined);
  }

  export(...[records, resultCallback]: ExportArguments): void {
    if (this.#exporter === undefined) {
      void this.#exportWhenLoaded(records, resultCallback);
    } else {
      this.#exporter.export(records, resultCallback);
    }
  }

  async forceFlush(): Promise<void> {
    const exporter = await this.loaded.catch(() => undefined);
    // Optional in older SDKs, and an exporter written for one may lack it.
    await (exporter as Partial<LogRecordExporter> | undefined)?.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    const exporter = await this.loaded.catch(() => undefined);
    await exporter?.shutdown();
  }

  async #exportWhenLoaded(...[records, resultCallback]: ExportArguments): Promise<void> {
    try {
      (await this.loaded).export(records, resultCallback);
    } catch (error) {
      // What is thrown before anything was sent would be thrown again.
      resultCallback({ code: 1, error: new ExportError(messageOf(error), { retryable: false, cause: error }) });
    }
  }
}

async function load({ module, export: exported, options, folder }: ResolvedModuleExporter): Promise<LogRecordExporter> {
  const what = `export '${exported}' of module '${module}'`;
  const namespace = await importFrom(folder, module).catch((error: unknown) => fail(`${what} cannot be loaded: ${messageOf(error)}`, error));
  const Exporter = findExport(namespace as Namespace, exported);
  if (typeof Exporter !== 'function') {
    return fail(`${what} ${Exporter === undefined ? 'does not exist' : 'is no class'}`);
  }
  let made: unknown;
  try {
    made = new (Exporter as new (options: unknown) => unknown)(options);
  } catch (error) {
    return fail(`${what} cannot be constructed: ${messageOf(error)}`, error);
  }
  if (typeof (made as Partial<LogRecordExporter>).export !== 'function') {
    return fail(`${what} makes no LogRecordExporter: what it makes has no method 'export'`);
  }
  return made as LogRecordExporter;
}

type Namespace = Readonly<Record<string, unknown>>;

/** Of CommonJS, `default` is all of `module.exports`, and Node finds the names in it only where they are written plainly. */
function findExport(namespace: Namespace, exported: string): unknown {
  const whole = namespace['default'] as Namespace | null | undefined;
  const inside = whole?.[exported];
  return exported === 'default' ? (inside ?? whole) : (namespace[exported] ?? inside);
}

function fail(message: string, cause?: unknown): never {
  throw new Error(message, { cause });
}

function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return (typeof message === 'string' ? message : String(error)).slice(0, MAX_CAUSE_CHARACTERS);
}
