// Names of OpenSSL's verification errors, as Node has them for codes (doc/api/tls.md, "X509 certificate error codes").
const UNTRUSTED: readonly string[] = [
  'CERT_REJECTED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** In words, what a code means that a TLS connection has failed with; undefined for what has nothing to do with TLS. */
export function tlsProblemOf(code: string, hasClientCertificate: boolean): string | undefined {
  if (UNTRUSTED.includes(code)) {
    return 'the certificate of the server is not signed by an authority that is trusted here';
  }
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'the certificate of the server has expired';
    case 'CERT_NOT_YET_VALID':
      return 'the certificate of the server is not valid yet';
    case 'CERT_REVOKED':
      return 'the certificate of the server is revoked';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'the certificate of the server is for another host';
  }
  if (/^ERR_SSL_.*_ALERT_/.test(code)) {
    return hasClientCertificate ? 'the server has refused the TLS connection, perhaps the client certificate' : 'the server has refused the TLS connection, perhaps for want of a client certificate';
  }
  // A server of Node says no more than this to a client certificate that it does not trust.
  return hasClientCertificate && code === 'ECONNRESET' ? 'the server has cut the connection, perhaps because of the client certificate' : undefined;
}
