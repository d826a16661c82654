/** The numbers that this module has where nobody says otherwise, without the module: for whoever describes its options before anything runs. */
export { LOGS_DEFAULTS, type LogsOptions } from './logs/options.js';
export { KUBE_DEFAULTS, type KubeTuning } from './options.js';
export { PROXY_DEFAULTS, type ProxyOptions } from './proxy/options.js';
export { WINDOWS_DEFAULTS, type WindowsOptions } from './windows/options.js';
export { WIRES_DEFAULTS, type WiresOptions } from './wires/options.js';
