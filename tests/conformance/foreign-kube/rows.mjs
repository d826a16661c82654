/** One line for each object: who it is, and what it says. Versions are left out: the wires may renumber. */
export function rowsOf(objects) {
  return objects
    .map(({ metadata }) => {
      const { value = '' } = metadata.annotations ?? {};
      return `${metadata.namespace}/${metadata.name} ${metadata.uid} ${value.length} ${value.slice(0, 40)}`;
    })
    .sort();
}
