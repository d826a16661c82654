/** Refusals in the words that API servers use for them, since those are what people look for. */
import { KubeError, type AccessQuestion } from '@trunkline/kube-client';

/** E.g. `Forbidden: pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "web"`, and the server's own reason behind it. */
export function forbiddenWords(user: string | undefined, question: AccessQuestion, reason = ''): string {
  const { verb, group, resource, subresource, namespace, name } = question;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  const what = `${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` ${JSON.stringify(name)}`}`;
  const who = user === undefined ? 'the credential' : `User ${JSON.stringify(user)}`;
  const where =
    namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const words = `Forbidden: ${what} is forbidden: ${who} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`;
  return reason === '' ? words : `${words}: ${reason.slice(0, 500)}`;
}

/** Refused by us, before the API server was asked. */
export function forbidden(words: string): KubeError {
  return new KubeError('kubeForbidden', words, { status: 403, reason: 'Forbidden' });
}
