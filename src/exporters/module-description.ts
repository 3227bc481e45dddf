import { checkObject, checkString, warnUnknownKeys } from '../check';

/** Any `LogRecordExporter` by the name of its module, so that a thread can make it. */
export interface ModuleExporterDescription {
  /** A package name, an absolute path, a path that begins with a dot, or a `file:` URL. Names and relative paths are resolved from `process.cwd()`. */
  readonly module: string;
  /** The exported class. Default `'default'`. */
  readonly export?: string;
  /** What its constructor is called with. Must be cloneable: no functions, no instances of classes. */
  readonly options?: unknown;
}

export interface ResolvedModuleExporter {
  readonly module: string;
  readonly export: string;
  readonly options: unknown;
  /** The application's folder, as it was when the exporter was described. */
  readonly folder: string;
}

export function isModuleDescription(value: unknown): value is ModuleExporterDescription {
  return typeof value === 'object' && value !== null && 'module' in value && !('exporter' in value);
}

/**
 * @param option how the user's option is called
 * @throws TypeError naming option, range and value received
 */
export function resolveModuleDescription(option: string, description: ModuleExporterDescription): ResolvedModuleExporter {
  warnUnknownKeys(option, checkObject(option, description), ['module', 'export', 'options']);
  return {
    module: checkString(`${option}.module`, description.module),
    export: description.export === undefined ? 'default' : checkString(`${option}.export`, description.export),
    options: cloned(`${option}.options`, description.options),
    folder: process.cwd(),
  };
}

/** The name of the class, or of the module where the class has none. */
export function nameOfModuleExporter({ module, export: exported }: ResolvedModuleExporter): string {
  const fileName = module.split(/[/\\]/).filter((part) => part !== '').at(-1) ?? module;
  return exported === 'default' ? fileName.replace(/\.[cm]?[jt]s$/, '') || module : exported;
}

/** A copy, as a thread would get it: both workers make the exporter from the same value. */
function cloned(option: string, value: unknown): unknown {
  let clone: unknown;
  try {
    clone = structuredClone(value);
  } catch (error) {
    throw new TypeError(`${uncloneable(option, value, new Set())} cannot be cloned to a thread: ${(error as DOMException).message}`, { cause: error });
  }
  rejectInstances(option, value, clone, new Set());
  return clone;
}

/** The name of the innermost part that cannot be cloned. */
function uncloneable(option: string, value: unknown, seen: Set<unknown>): string {
  seen.add(value);
  for (const [name, part] of partsOf(option, value)) {
    if (!seen.has(part) && !isCloneable(part)) {
      return uncloneable(name, part, seen);
    }
  }
  return option;
}

function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

/** The elements or fields of a list or a plain object, with what they are called. */
function partsOf(option: string, value: unknown): [string, unknown][] {
  if (Array.isArray(value)) {
    return value.map((part: unknown, index) => [`${option}[${index}]`, part]);
  }
  return isPlain(value) ? Object.entries(value).map(([key, part]: [string, unknown]) => [`${option}.${key}`, part]) : [];
}

/** Cloning keeps the fields of an instance, and silently not its class. */
function rejectInstances(option: string, value: unknown, clone: unknown, seen: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) {
    return;
  }
  seen.add(value);
  if (isPlain(clone) && !isPlain(value)) {
    const { name } = (value as { constructor: { name: string } }).constructor;
    throw new TypeError(`${option} cannot be cloned to a thread: it is an instance of ${name}, which would lose its methods`);
  }
  const clones = partsOf(option, clone);
  partsOf(option, value).forEach(([name, part], index) => rejectInstances(name, part, clones[index]?.[1], seen));
}

/** Also an object of another realm, whose `Object.prototype` is another one. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty'));
}
