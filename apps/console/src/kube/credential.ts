/** The ways in which somebody leaves a credential for a cluster, the fields of each, and to which of them a refusal belongs. Pure. */

export type Way = 'token' | 'certificate' | 'kubeconfig';
export type Field = 'token' | 'certificate' | 'key' | 'kubeconfig';

export interface FieldWords {
  readonly field: Field;
  readonly label: string;
  readonly description: string;
  /** Characters that the server takes. */
  readonly max: number;
  /** On screen. */
  readonly rows: number;
  /** It often lies in a file. */
  readonly isFile: boolean;
}

export const WAYS: Readonly<Record<Way, { readonly label: string; readonly fields: readonly FieldWords[] }>> =
  {
    token: {
      label: 'Token',
      fields: [
        {
          field: 'token',
          label: 'Token',
          description: 'As the cluster gave it to you. Kept encrypted; nobody sees it again.',
          max: 20_000,
          rows: 4,
          isFile: false,
        },
      ],
    },
    certificate: {
      label: 'Certificate',
      fields: [
        {
          field: 'certificate',
          label: 'Client certificate',
          description: 'PEM, as an authority of the cluster signed it.',
          max: 50_000,
          rows: 5,
          isFile: true,
        },
        {
          field: 'key',
          label: 'Private key',
          description: 'PEM, without a passphrase. Kept encrypted; nobody sees it again.',
          max: 50_000,
          rows: 5,
          isFile: true,
        },
      ],
    },
    kubeconfig: {
      label: 'Kubeconfig',
      fields: [
        {
          field: 'kubeconfig',
          label: 'Kubeconfig',
          description:
            'Only its token or client certificate is kept. One that runs a program or names files is refused.',
          max: 262_144,
          rows: 10,
          isFile: true,
        },
      ],
    },
  };

export interface Refusal {
  readonly field: Field;
  readonly reason: string;
}

const BAD_REQUEST = 107;
const KUBECONFIG_INVALID = 1315;
const KUBECONFIG_REFUSED = 1316;

/** Undefined: the failure is not about what was given. */
export function refusalOf(error: unknown, way: Way): Refusal | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const said = error.message.replace(/^kube\.credentials\.put: /, '');
  if (way === 'kubeconfig')
    return [BAD_REQUEST, KUBECONFIG_INVALID, KUBECONFIG_REFUSED].includes(error.code as number)
      ? { field: 'kubeconfig', reason: capitalised(said.replace(/^bad request: /, '')) }
      : undefined;
  if (error.code !== BAD_REQUEST) return undefined;
  const [, field, reason = ''] = /^bad request: (token|certificate|key): (.*)$/.exec(said) ?? [];
  if (field === undefined) return undefined;
  return { field: field as Field, reason: capitalised(reason) };
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
