import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './self-signed-certificate';

export interface IssueOptions {
  /** `subjectAltName` of OpenSSL. Default `IP:127.0.0.1`. */
  readonly altName?: string;
  /** How long it is valid; below 0 it has expired. Default 1. */
  readonly days?: number;
}

/** An authority of a test's own, whose key no file keeps beyond `close`. */
export class CertificateAuthority {
  /** Where its files are; a test may put its own there. */
  readonly folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-authority-'));
  /** Its certificate, in PEM. */
  readonly pem: string;

  /** @throws Error without openssl on the path */
  constructor() {
    // Nothing of the machine's own configuration.
    writeFileSync(this.path('minimal.cnf'), '[req]\ndistinguished_name=name\n[name]\n');
    this.#request('ca', ['-x509', '-days', '1', '-addext', 'basicConstraints=critical,CA:TRUE', '-out', this.path('ca.pem')]);
    this.pem = readFileSync(this.path('ca.pem'), 'utf8');
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A certificate for a server or a client, in `<name>.pem` and `<name>.key` too. */
  issue(name: string, { altName = 'IP:127.0.0.1', days = 1 }: IssueOptions = {}): Certificate {
    const [request, extensions, cert] = [this.path(`${name}.csr`), this.path(`${name}.cnf`), this.path(`${name}.pem`)];
    this.#request(name, ['-new', '-out', request]);
    writeFileSync(extensions, `subjectAltName=${altName}\n`);
    const authority = ['-CA', this.path('ca.pem'), '-CAkey', this.path('ca.key'), '-CAcreateserial'];
    execFileSync('openssl', ['x509', '-req', '-in', request, ...authority, '-days', String(days), '-extfile', extensions, '-out', cert], { stdio: 'pipe' });
    return { key: readFileSync(this.path(`${name}.key`)), cert: readFileSync(cert) };
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #request(name: string, options: readonly string[]): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', this.path(`${name}.key`)];
    execFileSync('openssl', ['req', '-config', this.path('minimal.cnf'), ...key, '-subj', `/CN=${name}`, ...options], { stdio: 'pipe' });
  }
}
