export { runProcess } from './process.js';
export { EXIT, type ExitName } from './exit.js';
