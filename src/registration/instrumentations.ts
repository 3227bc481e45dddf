import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { diag } from '@opentelemetry/api';
import { readList, type Environment } from '../environment';
import type { ProvidesLoggers } from '../integrations/bridge';
import { loadFromApplication, type ApplicationModule, type Require } from './application-modules';

interface Instrumentation {
  setLoggerProvider?(provider: ProvidesLoggers): void;
}

interface Library {
  readonly package: string;
  readonly export: string;
  /** Whether it has a package to be patched, for which `import` needs a hook. */
  readonly isModule: boolean;
}

const VARIABLE = 'OTEL_LOG_QUEUE_INSTRUMENTATIONS';

const LIBRARIES: Readonly<Record<string, Library>> = {
  pino: { package: '@opentelemetry/instrumentation-pino', export: 'PinoInstrumentation', isModule: true },
  winston: { package: '@opentelemetry/instrumentation-winston', export: 'WinstonInstrumentation', isModule: true },
  bunyan: { package: '@opentelemetry/instrumentation-bunyan', export: 'BunyanInstrumentation', isModule: true },
  // Only for who names it: every line that anything prints would be a record.
  console: { package: '@opentelemetry/instrumentation-console', export: 'ConsoleInstrumentation', isModule: false },
};
const BY_DEFAULT = ['pino', 'winston', 'bunyan'];

/** Patches the logging libraries whose instrumentations the application has installed, so that what they log reaches the provider. One that fails is one `diag.warn`. */
export function instrumentLibraries(provider: ProvidesLoggers, environment: Environment = process.env): void {
  const named = readList(environment, VARIABLE)?.map((name) => name.toLowerCase());
  // They patch the same libraries: every record would come twice.
  const names = named ?? (isPreloaded('auto-instrumentations-node', environment) ? [] : BY_DEFAULT);
  const hooked = new Map<string, Require>();
  for (const name of names.filter((each) => each !== 'none')) {
    warnIfItThrows(name, () => {
      const library = Object.hasOwn(LIBRARIES, name) ? LIBRARIES[name] : undefined;
      const loaded = library === undefined ? undefined : loadFromApplication(library.package);
      if (library === undefined || loaded === undefined) {
        warnIfNamed(named, name, library);
        return;
      }
      instrument(loaded, library, provider);
      if (library.isModule) {
        hooked.set(name, loaded.require);
      }
    });
  }
  if (!isPreloaded('@opentelemetry/instrumentation/hook.mjs', environment)) {
    warnIfItThrows('import', () => hookImports(hooked));
  }
}

function warnIfItThrows(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    diag.warn(`otel-log-queue: ${what} is not instrumented: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isPreloaded(name: string, environment: Environment): boolean {
  return [...process.execArgv, environment['NODE_OPTIONS'] ?? ''].some((argument) => argument.includes(name));
}

function warnIfNamed(named: readonly string[] | undefined, name: string, library: Library | undefined): void {
  if (named !== undefined) {
    diag.warn(
      library === undefined
        ? `otel-log-queue: ${VARIABLE} does not know ${JSON.stringify(name)}, but ${Object.keys(LIBRARIES).join(', ')}, none; ignored`
        : `otel-log-queue: ${VARIABLE} names '${name}', which needs ${library.package}; ignored`,
    );
  }
}

function instrument(loaded: ApplicationModule, library: Library, provider: ProvidesLoggers): void {
  // Its constructor patches.
  const Instrumentation = (loaded.exports as Readonly<Record<string, new () => Instrumentation>>)[library.export];
  if (Instrumentation === undefined) {
    throw new Error(`${library.package} has no ${library.export}`);
  }
  new Instrumentation().setLoggerProvider?.(provider);
}

/** `import` of these packages passes by what patches `require()`: the loader hook that `@opentelemetry/instrumentation` brings, for these packages only. */
function hookImports(packages: ReadonlyMap<string, Require>): void {
  // Instrumentations of one age share one copy of what does it, which can be installed once; of different ones each may have its own.
  const hooks = new Map<string, { readonly hook: string; readonly include: string[] }>();
  for (const [name, require] of packages) {
    const hook = require.resolve('@opentelemetry/instrumentation/hook.mjs');
    const copy = createRequire(hook).resolve('import-in-the-middle');
    const shared = hooks.get(copy);
    if (shared === undefined) {
      hooks.set(copy, { hook, include: [name] });
    } else {
      shared.include.push(name);
    }
  }
  for (const { hook, include } of hooks.values()) {
    hookImport(hook, include);
  }
}

interface SynchronousHooks {
  readonly supportsSyncHooks: () => boolean;
  readonly register: (options: { include: readonly string[] }) => void;
}

function hookImport(hook: string, include: readonly string[]): void {
  const require = createRequire(hook);
  if (canHookSynchronously(require)) {
    // On the thread of the application; `module.register()` is deprecated where Node can do that.
    (require('import-in-the-middle/register-hooks.mjs') as SynchronousHooks).register({ include });
  } else {
    register(pathToFileURL(hook), { data: { include } });
  }
}

function canHookSynchronously(require: Require): boolean {
  try {
    return (require('import-in-the-middle/supports-sync-hooks.mjs') as SynchronousHooks).supportsSyncHooks();
  } catch {
    // An older release, or a Node that cannot load an ES module with require().
    return false;
  }
}
