/** What a receiver says about a batch that it has taken: `ExportLogsPartialSuccess`. */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

export type ResponseFormat = 'protobuf' | 'json';

const NOTHING_REJECTED: PartialSuccess = { rejected: 0, message: '' };

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/**
 * The partial success of an `ExportLogsServiceResponse` (OTLP specification, "Partial Success").
 * A body that cannot be read is a full success: the status has said so, and sending again would only make duplicates.
 */
export function parsePartialSuccess(body: Uint8Array, format: ResponseFormat): PartialSuccess {
  try {
    return format === 'json' ? fromJson(body) : fromProtobuf(body);
  } catch {
    return NOTHING_REJECTED;
  }
}

/** The message of a protobuf `google.rpc.Status`, which is the body of a failure, or undefined if the body is none. */
export function parseStatusMessage(body: Uint8Array): Uint8Array | undefined {
  try {
    let message: Uint8Array | undefined;
    readFields(body, (field, value) => {
      if (field === 2 && value instanceof Uint8Array) {
        message = value;
      }
    });
    return message;
  } catch {
    return undefined;
  }
}

function fromJson(body: Uint8Array): PartialSuccess {
  const { partialSuccess } = JSON.parse(Buffer.from(body).toString()) as { partialSuccess?: { rejectedLogRecords?: unknown; errorMessage?: unknown } };
  // 64-bit integers are decimal strings in OTLP/JSON, numbers are accepted.
  const rejected = Number(partialSuccess?.rejectedLogRecords ?? 0);
  const message = partialSuccess?.errorMessage;
  return { rejected: rejected > 0 ? Math.floor(rejected) : 0, message: typeof message === 'string' ? message : '' };
}

function fromProtobuf(body: Uint8Array): PartialSuccess {
  let rejected = 0;
  let message = '';
  readFields(body, (field, value) => {
    if (field === 1 && value instanceof Uint8Array) {
      readFields(value, (innerField, innerValue) => {
        if (innerField === 1 && typeof innerValue === 'bigint') {
          rejected = Math.max(0, Number(BigInt.asIntN(64, innerValue)));
        } else if (innerField === 2 && innerValue instanceof Uint8Array) {
          message = Buffer.from(innerValue).toString();
        }
      });
    }
  });
  return { rejected, message };
}

/** @throws RangeError if the bytes are no protobuf message */
function readFields(bytes: Uint8Array, onField: (field: number, value: bigint | Uint8Array) => void): void {
  let position = 0;
  const take = (length: number): Uint8Array => {
    if (position + length > bytes.length) {
      throw new RangeError('cut field');
    }
    position += length;
    return bytes.subarray(position - length, position);
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = take(1)[0] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    throw new RangeError('endless varint');
  };
  while (position < bytes.length) {
    const tag = Number(varint());
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case VARINT:
        onField(field, varint());
        break;
      case FIXED64:
        take(8);
        break;
      case LENGTH_DELIMITED:
        onField(field, take(Number(varint())));
        break;
      case FIXED32:
        take(4);
        break;
      default:
        throw new RangeError('unknown wire type');
    }
  }
}
