import type { LoggerProvider } from '@opentelemetry/sdk-logs';

export type Logger = ReturnType<LoggerProvider['getLogger']>;
/** Derived, not imported by name: the type moved from `api-logs` to `api` between the two SDK lines. */
export type EmittedRecord = Parameters<Logger['emit']>[0];

/** `SeverityNumber.INFO`. */
export const INFO = 9;

const USERS = Array.from({ length: 64 }, (_, index) => `user-${1000 + index * 37}`);

/** What a service logs for each request: 6 attributes, 4 strings and 2 numbers, one of them the sequence number by which the receiver knows it. */
export function loadRecord(sequence: number): EmittedRecord {
  return {
    severityNumber: INFO,
    severityText: 'INFO',
    body: 'request completed',
    attributes: {
      'http.request.method': 'GET',
      'http.route': '/api/orders/:id',
      'user.id': USERS[sequence & 63],
      'client.address': '192.0.2.17',
      'http.response.status_code': 200,
      seq: sequence,
    },
  };
}
