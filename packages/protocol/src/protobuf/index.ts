export { createProtobufCodec } from './codec.js';
