/** The name by which AWS, or its SDK, calls an error. */
export const nameOfError = (error: unknown): string => (error instanceof Error ? error.name : String(error));

const denials = new Set([
  'AccessDeniedException',
  'UnrecognizedClientException',
  'CredentialsProviderError',
  'ExpiredTokenException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
]);

/** Whether an error of this name, of a service that speaks JSON, means that the caller may not: no retry helps. */
export const isDenial = (name: string): boolean => denials.has(name);
