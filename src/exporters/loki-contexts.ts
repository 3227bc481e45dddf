import { settledResourceAttributes, type Resource } from '../record';
import { LokiMetadata, type CommonMetadata } from './loki-metadata';
import type { LokiNames } from './loki-names';
import { truncateUtf8, wellFormed } from './loki-values';

// Loki's defaults: it drops every entry of a stream that has more or longer ones. `service_name` is not counted.
const MAX_LABELS = 15;
const MAX_LABEL_NAME_BYTES = 1024;
export const MAX_LABEL_VALUE_BYTES = 2048;

const SERVICE_NAME = 'service_name';

/** What the entries of one resource and scope have in common. */
export interface LokiContext extends CommonMetadata {
  /** The labels of the stream, of which none is empty. */
  readonly labels: ReadonlyMap<string, string>;
}

interface ResourceContext {
  readonly labels: ReadonlyMap<string, string>;
  readonly entries: ReadonlyMap<string, string>;
  readonly scopes: Map<unknown, LokiContext>;
}

// Scopes are few and live as long as their logger provider. More than this are made from data, and not remembered.
const MAX_SCOPES = 1000;

/** Stands for the resource of a record made by hand that has none. */
const NO_RESOURCE = {} as Resource;

/** Labels and structured metadata of resources and scopes, made once for each. */
export class LokiContexts {
  readonly #staticLabels: ReadonlyMap<string, string>;
  readonly #indexAttributes: ReadonlySet<string>;
  readonly #onCut: (what: string) => void;
  readonly #metadata: LokiMetadata;
  readonly #settled = new WeakMap<Resource, ResourceContext>();
  readonly #unsettled = new Map<Resource, ResourceContext>();

  constructor(labels: Readonly<Record<string, string>>, indexAttributes: readonly string[], names: LokiNames, onCut: (what: string) => void) {
    this.#staticLabels = new Map(Object.entries(labels).filter(([, value]) => value !== ''));
    this.#indexAttributes = new Set(indexAttributes);
    this.#onCut = onCut;
    this.#metadata = new LokiMetadata(names, onCut);
  }

  /** Forgets the resources that were still waiting for attributes. */
  startBatch(): void {
    this.#unsettled.clear();
  }

  /** Undefined while the resource waits for attributes. */
  ofSettled(resource: Resource | undefined, scope: unknown): LokiContext | undefined {
    return resource?.asyncAttributesPending === true ? undefined : this.of(resource, scope);
  }

  of(given: Resource | undefined, scope: unknown): LokiContext {
    const resource = typeof given === 'object' && given !== null ? given : NO_RESOURCE;
    const context = this.#settled.get(resource) ?? this.#unsettled.get(resource) ?? this.#addResource(resource);
    return context.scopes.get(scope) ?? this.#addScope(context, scope);
  }

  #addResource(resource: Resource): ResourceContext {
    const labels = new Map<string, string>(this.#staticLabels);
    const entries = new Map<string, string>();
    const attributes: Readonly<Record<string, unknown>> = settledResourceAttributes(resource);
    for (const key of Object.keys(attributes)) {
      const isLabel = this.#indexAttributes.has(key);
      this.#metadata.start(undefined);
      this.#metadata.addAttribute(key, attributes[key]);
      for (const [name, value] of this.#metadata.entries()) {
        if (isLabel && this.#hasRoom(labels, name)) {
          labels.set(name, this.#labelValue(value));
        } else {
          entries.set(name, value);
        }
      }
    }
    if (labels.size === 0) {
      // Loki adds this one too, unless a tenant has that switched off: then it drops a stream without labels.
      labels.set(SERVICE_NAME, 'unknown_service');
    }
    const context = { labels, entries, scopes: new Map<unknown, LokiContext>() };
    if (resource.asyncAttributesPending === true) {
      this.#unsettled.set(resource, context);
    } else {
      this.#settled.set(resource, context);
    }
    return context;
  }

  #hasRoom(labels: ReadonlyMap<string, string>, name: string): boolean {
    if (this.#staticLabels.has(name) || name.length > MAX_LABEL_NAME_BYTES) {
      return false;
    }
    if (name === SERVICE_NAME || labels.has(name)) {
      return true;
    }
    const hasRoom = labels.size - (labels.has(SERVICE_NAME) ? 1 : 0) < MAX_LABELS;
    if (!hasRoom) {
      this.#onCut('labels');
    }
    return hasRoom;
  }

  #labelValue(value: string): string {
    const text = truncateUtf8(wellFormed(value), MAX_LABEL_VALUE_BYTES);
    if (text.length < value.length) {
      this.#onCut('labels');
    }
    return text;
  }

  #addScope(resource: ResourceContext, scope: unknown): LokiContext {
    const entries = new Map(resource.entries);
    const { name, version, attributes, droppedAttributesCount } = (scope ?? {}) as Readonly<Record<string, unknown>>;
    this.#metadata.start(undefined);
    this.#metadata.addAttributes(attributes);
    for (const [key, value] of this.#metadata.entries()) {
      entries.set(key, value);
    }
    if (typeof name === 'string' && name !== '') {
      entries.set('scope_name', name);
    }
    if (typeof version === 'string' && version !== '') {
      entries.set('scope_version', version);
    }
    if (typeof droppedAttributesCount === 'number' && droppedAttributesCount > 0) {
      entries.set('scope_dropped_attributes_count', String(droppedAttributesCount));
    }
    let bytes = 0;
    for (const [key, value] of entries) {
      bytes += key.length + Buffer.byteLength(value);
    }
    const context = { labels: resource.labels, entries, bytes };
    if (resource.scopes.size < MAX_SCOPES) {
      resource.scopes.set(scope, context);
    }
    return context;
  }
}
