import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

// Longer ones no file system takes.
const MAX_PATH_CHARACTERS = 4096;

/**
 * PEM given in code: the text itself, its bytes, or the path of a file.
 *
 * @throws TypeError or RangeError that names the option, and shows no more than a path
 */
export function pemText(option: string, value: unknown): string {
  if (value instanceof Uint8Array) {
    return Buffer.from(value).toString();
  }
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`${option} must be PEM text, its bytes or the path of a PEM file, received ${value === '' ? 'an empty string' : `a value of type ${typeof value}`}`);
  }
  return value.includes('-----BEGIN ') ? value : pemFile(option, value);
}

/** @throws RangeError that names the option or variable and the path */
export function pemFile(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // eslint-disable-next-line preserve-caught-error -- its message has the path, which may be a key
    throw new RangeError(`${option} cannot be read: ${shownPath(path)} (${(error as NodeJS.ErrnoException).code ?? 'no path'})`);
  }
}

/** @throws RangeError unless there is a certificate, and every one can be read */
export function checkCertificates(option: string, text: string): string {
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0 || !certificates.every(isCertificate)) {
    throw new RangeError(`${option} must hold certificates in PEM (BEGIN CERTIFICATE); ${certificates.length === 0 ? 'there are none' : 'one is malformed'}`);
  }
  return text;
}

/** @throws RangeError that names the one which is wrong, unless the key can be read and belongs to the first certificate */
export function checkKeyPair(certName: string, cert: string, keyName: string, key: string, passphrase?: string): { readonly cert: string; readonly key: string; readonly passphrase?: string } {
  const pair = { cert: checkCertificates(certName, cert), key, ...(passphrase !== undefined && { passphrase }) };
  try {
    // Without an authority, or Node would read all of its own for this check.
    createSecureContext({ ...pair, ca: [] });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isOther = code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' || code === 'ERR_OSSL_X509_KEY_TYPE_MISMATCH';
    const problem = isOther ? `does not belong to ${certName}` : `is no private key in PEM, or is encrypted and has no or another passphrase (${code})`;
    throw new RangeError(`${keyName} ${problem}`, { cause: error });
  }
  return pair;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** A key that was given where a path belongs, without its first line or on one line, must not be shown. */
function shownPath(path: string): string {
  const mayBeKey = path.length > MAX_PATH_CHARACTERS || path.includes('-----') || /[\r\n]/.test(path) || /^[A-Za-z0-9+/=]{40,}$/.test(path);
  return mayBeKey ? 'a path that is not shown, because it may be a key' : path;
}
