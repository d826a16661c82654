/** The contracts of the modules that come with the server, for its documents and references. A new module adds its line. */
import type { Contract } from '@trunkline/contracts';
import { directoryContract } from '@trunkline/contracts/directory';
import { kubeContract } from '@trunkline/contracts/kube';
import { nodeContract } from '@trunkline/contracts/node';
import { KUBE_CLIENT_CODES } from './kube-codes.js';

/** What clusters fail with is passed on as it is. */
const kube: Contract = { ...kubeContract, errors: { ...KUBE_CLIENT_CODES, ...kubeContract.errors } };

export const MODULE_CONTRACTS: readonly Contract[] = [nodeContract, directoryContract, kube];
