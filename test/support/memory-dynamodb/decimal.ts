/** DynamoDB's numbers: exact decimals, as text. */
type Decimal = { readonly digits: bigint; readonly scale: number };

function parse(text: string): Decimal {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) throw new Error(`no number of DynamoDB's: ${text}`);
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(`${sign}${whole}${fraction}`);
  return scale < 0 ? { digits: digits * 10n ** BigInt(-scale), scale: 0 } : { digits, scale };
}

function aligned(a: string, b: string): { a: bigint; b: bigint; scale: number } {
  const [x, y] = [parse(a), parse(b)];
  const scale = Math.max(x.scale, y.scale);
  const at = ({ digits, scale: own }: Decimal): bigint => digits * 10n ** BigInt(scale - own);
  return { a: at(x), b: at(y), scale };
}

/** Negative, zero or positive, as a is less than, equal to or greater than b. */
export function compareDecimals(a: string, b: string): number {
  const pair = aligned(a, b);
  return pair.a < pair.b ? -1 : pair.a > pair.b ? 1 : 0;
}

export function addDecimals(a: string, b: string): string {
  const pair = aligned(a, b);
  const sum = pair.a + pair.b;
  if (pair.scale === 0) return String(sum);
  const digits = String(sum < 0n ? -sum : sum).padStart(pair.scale + 1, '0');
  const fraction = digits.slice(-pair.scale).replace(/0+$/, '');
  return `${sum < 0n ? '-' : ''}${digits.slice(0, -pair.scale)}${fraction && `.${fraction}`}`;
}
