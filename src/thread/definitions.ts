import type { Attributes, InstrumentationScope, Resource } from '../record';
import { textOf, uint32Of } from '../otlp/record-fields';
import type { BlockReader } from './block-reader';
import type { BlockWriter } from './block-writer';
import type { ThreadResource } from './thread-resource';

/** What travels of a scope: in an entry of the table, or within a frame when the table is full. */
export function writeScope(block: BlockWriter, scope: Partial<InstrumentationScope>): void {
  block.value(textOf(scope.name));
  block.value(optionalText(scope.version));
  block.value(optionalText(scope.schemaUrl));
  block.value(scope.droppedAttributesCount === undefined ? undefined : uint32Of(scope.droppedAttributesCount));
  block.attributes(scope.attributes);
}

export function readScope(block: BlockReader): InstrumentationScope {
  const scope: { -readonly [Field in keyof InstrumentationScope]: InstrumentationScope[Field] } = { name: block.value() as string };
  const version = block.value() as string | undefined;
  if (version !== undefined) {
    scope.version = version;
  }
  const schemaUrl = block.value() as string | undefined;
  if (schemaUrl !== undefined) {
    scope.schemaUrl = schemaUrl;
  }
  const droppedAttributesCount = block.value() as number | undefined;
  if (droppedAttributesCount !== undefined) {
    scope.droppedAttributesCount = droppedAttributesCount;
  }
  const attributes = block.value() as Attributes | undefined;
  if (attributes !== undefined) {
    scope.attributes = attributes;
  }
  return scope;
}

/** What travels of a resource, in the same places. Without attributes it says no more than that the resource has settled. */
export function writeResource(block: BlockWriter, attributes: Resource['attributes'] | undefined, schemaUrl: string | undefined): void {
  block.value(optionalText(schemaUrl));
  block.attributes(attributes);
}

/** @param isSettled whether nothing more will come for it */
export function readResource(block: BlockReader, resource: ThreadResource, isSettled: boolean): void {
  const schemaUrl = block.value() as string | undefined;
  const attributes = block.value() as Resource['attributes'] | undefined;
  resource.define(attributes, schemaUrl, isSettled);
}

/** A field that is unset stays so; one of a wrong type has the text that the encoders give it. */
function optionalText(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : textOf(value);
}
