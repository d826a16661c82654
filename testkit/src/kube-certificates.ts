/**
 * A certificate authority for one test, and what it signs: a server's certificate for the loopback interface, client certificates. Made with the `openssl`
 * command, since Node reads certificates and makes none.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DAYS = ['-days', '2'];

/** Paths, for programs that want files. */
export interface CertificatePaths {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateAuthority {
  /** PEM text. */
  readonly ca: string;
  readonly caPath: string;
  /** Signs a certificate; the files are named after `name`. With `serverFor`, it is for a server under these names, such as `IP:127.0.0.1`. */
  sign(name: string, subject: string, serverFor?: string): Promise<CertificatePaths>;
}

/** Everything lies in `directory`, which must exist. */
export async function createCertificateAuthority(directory: string): Promise<CertificateAuthority> {
  const at = (file: string): string => join(directory, file);
  const [caKey, caPath] = [at('ca.key'), at('ca.crt')];
  await openssl([
    'req',
    '-x509',
    ...newKey(caKey),
    '-out',
    caPath,
    ...DAYS,
    '-subj',
    '/CN=trunkline-test-ca',
  ]);
  return {
    ca: await readFile(caPath, 'utf8'),
    caPath,
    sign: async (name, subject, serverFor) => {
      const paths = { key: at(`${name}.key`), cert: at(`${name}.crt`) };
      const [request, extensions] = [at(`${name}.csr`), at(`${name}.ext`)];
      await openssl(['req', ...newKey(paths.key), '-out', request, '-subj', subject]);
      const use = serverFor === undefined ? 'clientAuth' : 'serverAuth';
      const names = serverFor === undefined ? '' : `\nsubjectAltName=${serverFor}`;
      await writeFile(extensions, `extendedKeyUsage=${use}${names}\n`);
      const signed = ['-CA', caPath, '-CAkey', caKey, '-CAcreateserial', '-extfile', extensions];
      await openssl(['x509', '-req', '-in', request, ...signed, '-out', paths.cert, ...DAYS]);
      return paths;
    },
  };
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path];
}

async function openssl(args: readonly string[]): Promise<void> {
  await run('openssl', args);
}
