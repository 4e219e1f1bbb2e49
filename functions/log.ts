/** One line of JSON in the function's log: what an invocation did. Lambda itself reports the failed ones. */
export function log(what: Readonly<Record<string, unknown>>): void {
  console.log(JSON.stringify(what));
}
