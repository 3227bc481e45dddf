import { diag } from '@opentelemetry/api';
import { readString, type Environment } from '../environment';
import { checkCertificates, checkKeyPair, pemFile } from './pem';

// OTLP exporter specification, "Configuration Options": the variables hold paths of PEM files. What is wrong is reported to `diag` and ignored.

/**
 * `…CERTIFICATE`: whom to trust.
 *
 * @param prefixes the first of which a variable can be used wins
 */
export function environmentAuthorities(environment: Environment, prefixes: readonly string[]): { readonly ca?: string } {
  const file = firstFile(environment, prefixes, 'CERTIFICATE', checkCertificates);
  return file === undefined ? {} : { ca: file.text };
}

/** `…CLIENT_CERTIFICATE` and `…CLIENT_KEY`: both or none of them. */
export function environmentKeyPair(environment: Environment, prefixes: readonly string[]): { readonly cert?: string; readonly key?: string } {
  const cert = firstFile(environment, prefixes, 'CLIENT_CERTIFICATE', checkCertificates);
  const key = firstFile(environment, prefixes, 'CLIENT_KEY', (_variable, text) => text);
  if (cert !== undefined && key !== undefined) {
    return orWarning(() => checkKeyPair(cert.variable, cert.text, key.variable, key.text)) ?? {};
  }
  const alone = cert ?? key;
  if (alone !== undefined) {
    diag.warn(`otel-log-queue: ${alone.variable} is set, but a client ${cert === undefined ? 'certificate' : 'key'} is missing; ignored`);
  }
  return {};
}

interface EnvironmentFile {
  readonly variable: string;
  readonly text: string;
}

function firstFile(environment: Environment, prefixes: readonly string[], name: string, check: (variable: string, text: string) => string): EnvironmentFile | undefined {
  for (const variable of prefixes.map((prefix) => prefix + name)) {
    const path = readString(environment, variable);
    const text = path === undefined ? undefined : orWarning(() => check(variable, pemFile(variable, path)));
    if (text !== undefined) {
      return { variable, text };
    }
  }
  return undefined;
}

function orWarning<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    diag.warn(`otel-log-queue: ${(error as Error).message}; ignored`);
    return undefined;
  }
}
