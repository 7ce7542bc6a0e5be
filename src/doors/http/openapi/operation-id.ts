/**
 * The id of an operation by its method and path, for the clients that are generated: `GET
 * /models/:model/versions/:version/drift` is `getModelVersionDrift`, `GET /models` is `getModels`.
 * @param url of the route, with parameters as `:name`
 */
export function operationIdOf(method: string, url: string): string {
  const parts = url.split('/').filter((part) => part !== '');
  const words = parts.flatMap((part, i) => {
    if (part.startsWith(':')) return [];
    // What is named by the next part is one of them.
    return [parts[i + 1]?.startsWith(':') === true ? part.replace(/s$/, '') : part];
  });
  return [method.toLowerCase(), ...(words.length === 0 ? ['root'] : words).map(capitalised)].join('');
}

export function capitalised(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}
