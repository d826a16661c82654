/** The contracts of the modules that come with the server, for its documents and references. A new module adds its line. */
import type { Contract } from '@trunkline/contracts';
import { directoryContract } from '@trunkline/contracts/directory';
import { nodeContract } from '@trunkline/contracts/node';

export const MODULE_CONTRACTS: readonly Contract[] = [nodeContract, directoryContract];
