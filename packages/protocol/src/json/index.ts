export { createJsonCodec } from './codec.js';
