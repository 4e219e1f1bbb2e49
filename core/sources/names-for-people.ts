const namedMax = 3;

/** `a, b, c and 7 more` */
export function namesForPeople(names: readonly string[]): string {
  const rest = names.length - namedMax;
  return `${names.slice(0, namedMax).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
