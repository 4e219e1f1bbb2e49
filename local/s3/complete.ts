import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { type Answer, type Call, checksumElements, quoted } from './answer.ts';
import { checksumFields, receiveText } from './body.ts';
import { type Checksum, checksumHeader, createDigest } from './checksums.ts';
import { etagIn, requireConditions, writeConditions } from './conditions.ts';
import { S3Fault } from './fault.ts';
import { concatenate } from './files.ts';
import { uploadOf } from './multipart.ts';
import { dataFile, dropUpload, type Part, partsOf } from './uploads.ts';
import { childrenOf, childText, leaf, parseXmlAs, requiredText, xmlDocument } from './xml.ts';

/** Every part but the last has at least this many bytes. */
const partBytesMin = 5 * 1024 * 1024;

/** The parts that a CompleteMultipartUpload names, in its order, held against those that came. */
function chosenParts(source: string, came: ReadonlyMap<number, Part>): Part[] {
  const named = childrenOf(parseXmlAs('CompleteMultipartUpload', source), 'Part');
  const numbers = named.map((element) => Number(requiredText(element, 'PartNumber')));
  if (named.length === 0 || numbers.some((number) => !Number.isInteger(number))) {
    throw new S3Fault(
      'MalformedXML',
      'A CompleteMultipartUpload names at least one part, by number and ETag.',
    );
  }
  if (numbers.some((number, index) => index > 0 && number <= numbers[index - 1]!)) {
    throw new S3Fault(
      'InvalidPartOrder',
      'The list of parts was not in ascending order. Parts must be ordered by part number.',
    );
  }
  return named.map((element, index) => {
    const part = came.get(numbers[index]!);
    const checksum = part?.checksum && childText(element, `Checksum${part.checksum.algorithm}`);
    const agrees = checksum === undefined || checksum === part?.checksum?.value;
    if (part === undefined || etagIn(requiredText(element, 'ETag')) !== part.etag || !agrees) {
      throw new S3Fault(
        'InvalidPart',
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        { PartNumber: String(numbers[index]) },
      );
    }
    if (index < named.length - 1 && part.size < partBytesMin) {
      throw new S3Fault('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
        ProposedSize: String(part.size),
        MinSizeAllowed: String(partBytesMin),
        PartNumber: String(part.number),
      });
    }
    return part;
  });
}

/** Of the parts' checksums, in order: what S3 calls COMPOSITE. */
function compositeOf(algorithm: Checksum['algorithm'], parts: readonly Part[]): Checksum {
  const digest = createDigest(algorithm);
  for (const part of parts) digest.update(Buffer.from(part.checksum?.value ?? '', 'base64'));
  return { algorithm, value: `${digest.digest().toString('base64')}-${parts.length}`, type: 'COMPOSITE' };
}

/** S3's ETag of an object that came in parts: the MD5 of their MD5s, and how many. */
function etagOf(parts: readonly Part[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from(part.etag, 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}

/**
 * Holds the object against the checksum and the size that the request claims of it.
 * @throws S3Fault BadDigest, InvalidRequest
 */
function requireClaimed({ headers }: Call, checksum: Checksum | undefined, parts: readonly Part[]): void {
  const name = checksumFields(headers)[0];
  if (
    name !== undefined &&
    (checksum === undefined || headers[checksumHeader(checksum.algorithm)] !== checksum.value)
  ) {
    throw new S3Fault('BadDigest', `The ${name} you specified did not match the calculated checksum.`);
  }
  const size = headers['x-amz-mp-object-size']?.toString();
  if (size !== undefined && Number(size) !== parts.reduce((sum, part) => sum + part.size, 0)) {
    throw new S3Fault(
      'InvalidRequest',
      'The provided x-amz-mp-object-size header does not match what was computed.',
    );
  }
}

/** 10,000 parts with number, ETag and checksum. */
const completeBytesMax = 4 * 1024 * 1024;

/** Joins the parts in a temporary file; the object appears in one step, then the upload goes. */
export async function completeMultipartUpload(call: Call): Promise<Answer> {
  const { store, request, headers, target } = call;
  const { bucket, key } = target;
  const upload = uploadOf(call);
  const body = await receiveText(request, completeBytesMax, 'object');
  const parts = chosenParts(body, new Map(partsOf(store, upload).map((part) => [part.number, part])));
  requireConditions(key, store.look(bucket, key), writeConditions(headers));
  const temp = store.tempName(bucket, key);
  try {
    const whole = upload.checksum?.type === 'FULL_OBJECT' ? upload.checksum.algorithm : undefined;
    const digest = whole === undefined ? undefined : createDigest(whole);
    const files = parts.map((part) => dataFile(store, upload, part));
    await concatenate(files, temp, (block) => digest?.update(block));
    // it may have been aborted or completed meanwhile
    uploadOf(call);
    const checksum: Checksum | undefined =
      whole !== undefined && digest !== undefined
        ? { algorithm: whole, value: digest.digest().toString('base64'), type: 'FULL_OBJECT' }
        : upload.checksum && compositeOf(upload.checksum.algorithm, parts);
    requireClaimed(call, checksum, parts);
    const description = { etag: etagOf(parts), modified: Date.now(), headers: upload.headers, checksum };
    store.commit(bucket, key, temp, description, writeConditions(headers));
    await dropUpload(store, upload);
    return {
      status: 200,
      body: xmlDocument(
        'CompleteMultipartUploadResult',
        leaf('Location', `http://${headers.host ?? ''}/${bucket}/${encodeURIComponent(key)}`),
        leaf('Bucket', bucket),
        leaf('Key', key),
        leaf('ETag', quoted(description.etag)),
        checksumElements(checksum),
      ),
    };
  } catch (error) {
    await fs.promises.rm(temp, { force: true });
    throw error;
  }
}
