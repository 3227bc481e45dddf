/** One request of a contract: what fakes and real servers have to answer alike. */
export interface ContractRequest {
  readonly name: string;
  /** Default POST. */
  readonly method?: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** What of an answer is compared: not the words, which differ from version to version. */
export interface AnswerShape {
  readonly status: number;
  /** Without parameters; empty if there is none. */
  readonly contentType: string;
  /** `empty`, `text`, the fields of a JSON object with their types, or the fields of a protobuf message with their wire types. */
  readonly body: string;
}

/** Sends the request. @returns the shape of the answer, and its body as text */
export async function answerOf(url: string, { method = 'POST', path, headers, body }: ContractRequest): Promise<{ readonly shape: AnswerShape; readonly text: string }> {
  const response = await fetch(url + path, { method, headers, ...(body !== undefined && { body }) });
  const bytes = Buffer.from(await response.arrayBuffer());
  const contentType = (response.headers.get('content-type') ?? '').split(';')[0] as string;
  return { shape: { status: response.status, contentType, body: bodyShape(contentType, bytes) }, text: String(bytes) };
}

function bodyShape(contentType: string, bytes: Buffer): string {
  if (bytes.length === 0) {
    return 'empty';
  }
  switch (contentType) {
    case 'application/json': {
      const fields = Object.entries(JSON.parse(String(bytes)) as Record<string, unknown>).map(([name, value]) => `${name}: ${typeof value}`);
      return `{ ${fields.join(', ')} }`;
    }
    case 'application/x-protobuf':
      return protobufFields(bytes);
    default:
      return 'text';
  }
}

/** Of messages with field numbers below 16 and lengths below 2^28. */
function protobufFields(bytes: Buffer): string {
  const fields: string[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value;
      }
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const content = varint();
    const isLength = (tag & 7) === 2;
    fields.push(`${tag >> 3}: ${isLength ? 'bytes' : 'varint'}`);
    at += isLength ? content : 0;
  }
  return fields.join(', ');
}
