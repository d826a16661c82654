/** Options without the fields that are undefined, so that "not given" has one form. */
type Defined<O> = { [K in keyof O as undefined extends O[K] ? never : K]: O[K] } & {
  [K in keyof O as undefined extends O[K] ? K : never]?: Exclude<O[K], undefined>;
};

export function definedOnly<O extends object>(fields: O): Defined<O> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<O>;
}
