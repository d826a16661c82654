export {
  dataSchema,
  defineContract,
  paramsSchema,
  type ChannelContract,
  type ChannelData,
  type Contract,
  type RpcContract,
  type RpcParams,
  type RpcResultOf,
} from './contract.js';
