/** What a function's failure says, without the JSON that Lambda puts around it. */
export function messageOf(cause: string | undefined): string | null {
  if (!cause) return null;
  try {
    const { errorMessage } = JSON.parse(cause);
    return typeof errorMessage === 'string' ? errorMessage : cause;
  } catch {
    return cause;
  }
}
