import { rolldown } from 'rolldown';
import { defineConfig, type Rolldown } from 'tsdown';

const THREAD_FILE = 'otel-log-queue-thread.cjs';
const THREAD_MAIN = 'src/thread/thread-main.ts';
const THREAD_SOURCE = /[\\/]src[\\/]thread[\\/]thread-source\.ts$/;
const TARGET = 'node20';
// Whichever version of the API is the first to register something in a thread decides for all: an older one reads what a newer one has registered, and a newer one does not read what an older one has.
// So the thread, which registers `diag` for the exporters in it, has the newest version of the peer range.
const API_IN_THREAD = { '@opentelemetry/api': 'opentelemetry-api-newest' };

let threadCode: Promise<string> | undefined;

/** The code of the worker thread with all that it needs: it must start from a file that was copied somewhere, and from a string. */
async function bundleThread(): Promise<string> {
  const bundle = await rolldown({ input: THREAD_MAIN, platform: 'node', resolve: { alias: API_IN_THREAD }, transform: { target: TARGET } });
  try {
    // The names of classes are part of what users read: of errors, for example.
    const { output } = await bundle.generate({ format: 'cjs', minify: { compress: true, mangle: { keepNames: true }, codegen: true } });
    if (output.length !== 1) {
      throw new Error(`the worker thread must be one file, got ${output.map(({ fileName }) => fileName).join(', ')}`);
    }
    return output[0].code;
  } finally {
    await bundle.close();
  }
}

/** Puts the code of the worker thread beside the package's own and, for applications that are bundled, into it. */
function embedThread(format: 'esm' | 'cjs'): Rolldown.Plugin {
  // An ESM bundle may end as CommonJS and the other way round: what is missing there must be undefined, and no error.
  const folder = format === 'esm' ? 'import.meta.dirname' : "typeof __dirname === 'string' ? __dirname : undefined";
  return {
    name: 'embed-thread',
    async load(id) {
      if (!THREAD_SOURCE.test(id)) {
        return null;
      }
      threadCode ??= bundleThread();
      const code = await threadCode;
      if (format === 'cjs') {
        this.emitFile({ type: 'asset', fileName: THREAD_FILE, source: code });
      }
      return `export const THREAD_FOLDER = ${folder};\nexport const THREAD_SOURCE = ${JSON.stringify(code)};\n`;
    },
  };
}

/** Entries that are built together share their modules, and what is built by itself is one readable file. */
interface Build {
  readonly entry: Readonly<Record<string, string>>;
  readonly usesMainEntry: boolean;
}

const BUILDS: readonly Build[] = [
  { entry: { index: 'src/index.ts', bridge: 'src/integrations/bridge.ts', register: 'src/register.ts' }, usesMainEntry: false },
  { entry: { express: 'src/integrations/express.ts' }, usesMainEntry: true },
  { entry: { nestjs: 'src/integrations/nestjs.ts' }, usesMainEntry: true },
];

/**
 * What a subpath uses of the main entry it imports from there, as the application does.
 * A copy of its own would be another class: no token of Nest's container, and, with its private fields, another type.
 */
function importMainEntry(): Rolldown.Plugin {
  return {
    name: 'import-main-entry',
    resolveId: (source) => (source === '../processor' ? { id: 'otel-log-queue', external: true } : null),
  };
}

export default defineConfig(
  (['esm', 'cjs'] as const).flatMap((format) =>
    BUILDS.map(({ entry, usesMainEntry }) => ({
      // Not the folder of this file.
      cwd: process.cwd(),
      entry,
      format,
      platform: 'node' as const,
      target: TARGET,
      dts: true,
      // What is built reads like the sources, comments included: maps would double the package and tell nothing new.
      sourcemap: false,
      plugins: [embedThread(format)],
      // The declarations for CommonJS are built without the plugins above.
      inputOptions: (options: Rolldown.InputOptions) => ({ ...options, plugins: [usesMainEntry ? importMainEntry() : undefined, options.plugins] }),
    })),
  ),
);
