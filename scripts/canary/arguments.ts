import { parseArgs } from 'node:util';
import { checkHttpUrl } from '../../src/exporters/http-options';
import type { CanaryOptions } from './canary-run';

export const HELP = `Usage: npm run canary -- --url URL [options]

Emits numbered records through the processor into your Loki, reads them back, and says what is missing, double or out of order.
They get the label service_name="otel-log-queue-canary" and nothing else that makes a stream.

  --url URL         Loki's address, without /loki/api/v1/push       (default http://localhost:3100)
  --duration S      how long records are emitted, in seconds        (default 10, 1 to 86400)
  --rate N          records a second                                (default 100, 1 to 10000)
  --patience S      how long the last ones may take to be found     (default 30, 1 to 600)
  --tenant ID       X-Scope-OrgID                                   (default none)

Credentials: CANARY_USERNAME and CANARY_PASSWORD, or CANARY_TOKEN, of the environment.
Exit codes: 0 nothing missing, double or out of order; 1 something is; 2 a wrong option, or Loki could not be asked.
`;

/**
 * The options of the command line, or that help is wanted.
 * @throws Error naming option, range and value
 */
export function parseCanaryArguments(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): CanaryOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      url: { type: 'string', default: 'http://localhost:3100' },
      duration: { type: 'string', default: '10' },
      rate: { type: 'string', default: '100' },
      patience: { type: 'string', default: '30' },
      tenant: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    return 'help';
  }
  const { url, authorization: ofUrl } = checkHttpUrl('--url', values.url);
  const authorization = authorizationOf(environment) ?? ofUrl;
  const { tenant } = values;
  return {
    loki: { url, ...(tenant !== undefined && { tenantId: tenant }), ...(authorization !== undefined && { headers: { authorization } }) },
    queryHeaders: { ...(tenant !== undefined && { 'x-scope-orgid': tenant }), ...(authorization !== undefined && { authorization }) },
    durationMillis: integer('--duration', values.duration, 1, 86_400) * 1000,
    rate: integer('--rate', values.rate, 1, 10_000),
    patienceMillis: integer('--patience', values.patience, 1, 600) * 1000,
  };
}

function authorizationOf({ CANARY_USERNAME: username, CANARY_PASSWORD: password, CANARY_TOKEN: token }: Readonly<Record<string, string | undefined>>): string | undefined {
  if (token !== undefined && token !== '') {
    return `Bearer ${token}`;
  }
  return username === undefined || username === '' ? undefined : `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
}

function integer(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    throw new RangeError(`${option} must be an integer from ${min} to ${max}, received "${text}"`);
  }
  return value;
}
