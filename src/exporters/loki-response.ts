import { ExportError } from './export-error';
import { retryAfterMillis, type HttpPoster, type HttpResponse } from './http';

// Loki's own for a tenant whose ingestion is blocked (block_ingestion_status_code): everything was discarded, although it is a 2xx.
const BLOCKED_STATUS = 260;

/**
 * What the answer to one push means.
 *
 * A 400 can mean that some entries were refused and the others stored. How many is only known where Loki says so about the one stream of the push;
 * else all count as rejected, which is an upper bound.
 *
 * @param records how many the push had
 * @returns how many were refused, and Loki's words about them
 * @throws ExportError unless the push is settled
 */
export function judgePush(
  response: HttpResponse,
  records: number,
  poster: Pick<HttpPoster, 'shownUrl' | 'firstWords'>,
): { readonly rejected: number; readonly words: string } {
  const { status, headers, body } = response;
  if (status === 204 || status === 200) {
    return { rejected: 0, words: '' };
  }
  const words = poster.firstWords(body);
  if (status === 400) {
    const rejected = refusedOf(words, records);
    if (rejected !== undefined) {
      return { rejected, words };
    }
  }
  const poison = status === 500 ? poisonOf(words) : undefined;
  throw new ExportError(`POST ${poster.shownUrl} answered ${status}${hintOf(status)}${words === '' ? '' : `: ${words}`}`, {
    status,
    retryable: status === 429 || status >= 500,
    retryAfterMillis: retryAfterMillis(headers['retry-after'], Date.now()),
    reason: poison ?? (status === 400 || status === BLOCKED_STATUS ? 'rejected' : status === 413 ? 'too_large' : 'export_failed'),
    isPoison: poison !== undefined,
  });
}

/**
 * Loki answers 500 to some pushes that it will never take, and stores nothing of them: a name of structured metadata that normalizes to nothing (since 3.6.0), and a push that is larger than
 * the messages between its distributor and its ingester (grafana/loki #8154).
 */
function poisonOf(words: string): 'rejected' | 'too_large' | undefined {
  if (/normalization for label name .* resulted in invalid name|label name is empty/s.test(words)) {
    return 'rejected';
  }
  return words.includes('received message larger than max') ? 'too_large' : undefined;
}

/** Too old for their stream: `… total ignored: 2 out of 3 for stream: {…}`, which the ingester writes once it has the whole stream. */
function refusedOf(words: string, records: number): number | undefined {
  const totals = [...words.matchAll(/ total ignored: (\d+) out of (\d+) for stream: /g)];
  const [, ignored, all] = totals[0] ?? [];
  const isWhole = totals.length === 1 && Number(all) === records && Number(ignored) >= 1 && Number(ignored) <= records;
  return isWhole ? Number(ignored) : undefined;
}

function hintOf(status: number): string {
  if (status === BLOCKED_STATUS) {
    return ', ingestion is blocked for this tenant and everything was discarded';
  }
  return status >= 300 && status < 400 ? ', redirects are not followed' : '';
}
