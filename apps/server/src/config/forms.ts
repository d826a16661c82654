/** Forms that several sections share. */
export const ORG = {
  pattern: /^[A-Za-z0-9._-]{1,64}$/,
  expected: 'an org id (1 to 64 characters of a-z, A-Z, 0-9, `.`, `_` and `-`)',
};
export const URL_PATTERN = { pattern: /^https?:\/\/\S+$/, expected: 'an http or https URL' };
