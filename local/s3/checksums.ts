import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import { S3Fault } from './fault.ts';

/** The checksums that S3 keeps with an object, as it names them. (Its xxHash family is refused as not implemented.) */
export const checksumAlgorithms = [
  'CRC32',
  'CRC32C',
  'CRC64NVME',
  'SHA1',
  'SHA256',
  'SHA512',
  'MD5',
] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** `value` is base64 of the digest; COMPOSITE: of the parts' digests, with `-<parts>` behind it. */
export type Checksum = {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
  readonly type: 'FULL_OBJECT' | 'COMPOSITE';
};

export type Digest = { update(bytes: Buffer): void; digest(): Buffer };

export const checksumHeader = (algorithm: ChecksumAlgorithm): string =>
  `x-amz-checksum-${algorithm.toLowerCase()}`;

/** @throws S3Fault for a name that S3 does not know, or that is not built here */
export function algorithmNamed(name: string): ChecksumAlgorithm {
  const algorithm = checksumAlgorithms.find((known) => known === name.toUpperCase());
  if (algorithm !== undefined) return algorithm;
  if (/^xxhash/i.test(name)) {
    throw new S3Fault(
      'NotImplemented',
      `The checksum algorithm ${name} is not implemented in the embedded S3.`,
    );
  }
  throw new S3Fault('InvalidRequest', `Checksum algorithm provided is unsupported: ${name}.`);
}

export const digestBytes: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
  SHA512: 64,
  MD5: 16,
};

export function createDigest(algorithm: ChecksumAlgorithm): Digest {
  switch (algorithm) {
    case 'CRC32':
      return crc32Digest();
    case 'CRC32C':
      return crcDigest(castagnoli);
    case 'CRC64NVME':
      return crc64NvmeDigest();
    default: {
      const hash = createHash(algorithm.toLowerCase());
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
    }
  }
}

// Polynomials, bits reversed (as RFC 3720 and the NVMe specification use them).
const ieee = 0xedb88320;
const castagnoli = 0x82f63b78;
const nvmeHigh = 0x9a6c9329;
const nvmeLow = 0xac4bc9b5;

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function crc32Digest(): Digest {
  // zlib has it from Node 20.15 on, ten times as fast as a table
  if (typeof zlib.crc32 !== 'function') return crcDigest(ieee);
  let crc = 0;
  return {
    update: (bytes) => {
      crc = zlib.crc32(bytes, crc);
    },
    digest: () => uint32(crc),
  };
}

const tables = new Map<number, Int32Array>();

function tableOf(polynomial: number): Int32Array {
  let table = tables.get(polynomial);
  if (table === undefined) {
    table = Int32Array.from({ length: 256 }, (_, byte) => {
      let value = byte;
      for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
      return value;
    });
    tables.set(polynomial, table);
  }
  return table;
}

function crcDigest(polynomial: number): Digest {
  const table = tableOf(polynomial);
  let crc = -1;
  return {
    update: (bytes) => {
      let value = crc;
      for (let i = 0; i < bytes.length; i++) value = (value >>> 8) ^ table[(value ^ bytes[i]!) & 0xff]!;
      crc = value;
    },
    digest: () => uint32(~crc),
  };
}

let nvmeTable: { readonly high: Int32Array; readonly low: Int32Array } | undefined;

/** In two halves of 32 bits: a BigInt a byte would be thirty times slower. */
function crc64NvmeDigest(): Digest {
  if (nvmeTable === undefined) {
    const high = new Int32Array(256);
    const low = new Int32Array(256);
    for (let byte = 0; byte < 256; byte++) {
      let h = 0;
      let l = byte;
      for (let bit = 0; bit < 8; bit++) {
        const odd = l & 1;
        l = (l >>> 1) | (h << 31);
        h >>>= 1;
        if (odd) {
          h ^= nvmeHigh;
          l ^= nvmeLow;
        }
      }
      high[byte] = h;
      low[byte] = l;
    }
    nvmeTable = { high, low };
  }
  const { high, low } = nvmeTable;
  let h = -1;
  let l = -1;
  return {
    update: (bytes) => {
      for (let i = 0; i < bytes.length; i++) {
        const index = (l ^ bytes[i]!) & 0xff;
        l = ((l >>> 8) | (h << 24)) ^ low[index]!;
        h = (h >>> 8) ^ high[index]!;
      }
    },
    digest: () => Buffer.concat([uint32(~h), uint32(~l)]),
  };
}
