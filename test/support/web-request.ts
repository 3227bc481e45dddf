import { request, type Agent, type IncomingHttpHeaders } from 'node:http';

export interface WebResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface WebRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: a connection for this request alone. */
  readonly agent?: Agent | false;
}

/** One request, to the last byte of its answer; rejects if the connection ends before that. */
export function send(url: string, { method = 'GET', headers = {}, agent = false }: WebRequest = {}): Promise<WebResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
