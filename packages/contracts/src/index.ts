export {
  dataSchema,
  defineContract,
  paramsSchema,
  resultSchema,
  type ChannelContract,
  type ChannelData,
  type Contract,
  type RpcContract,
  type RpcParams,
  type RpcResultOf,
} from './contract.js';
