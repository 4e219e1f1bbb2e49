/** Numbers in names, so wide that their order as text is their order as numbers. */
export const paddedNumber = (n: number): string => String(n).padStart(6, '0');
