import fs from 'node:fs';
import { type Answer, type Call, checksumHeaders, describingHeaders, isoTime, quoted } from './answer.ts';
import { receive } from './body.ts';
import { keyEncoder, limitIn } from './buckets.ts';
import { algorithmNamed, type Checksum } from './checksums.ts';
import { S3Fault } from './fault.ts';
import { createFile } from './files.ts';
import { compareKeys, requireStorable } from './keys.ts';
import {
  createUpload,
  dropUpload,
  keepPart,
  type Part,
  partsOf,
  requireUpload,
  type Upload,
  uploadsOf,
} from './uploads.ts';
import { group, leaf, xmlDocument } from './xml.ts';

const partNumberMax = 10_000;

export const uploadOf = ({ store, target: { bucket, key, query } }: Call): Upload =>
  requireUpload(store, bucket, key, query.get('uploadId') ?? '');

/** S3's defaults: the parts' checksums stand for the object's, save for CRC64NVME, which only exists of the whole. */
function checksumWanted(call: Call): Upload['checksum'] {
  const name = call.headers['x-amz-checksum-algorithm']?.toString();
  if (name === undefined) return undefined;
  const algorithm = algorithmNamed(name);
  const type = call.headers['x-amz-checksum-type']?.toString().toUpperCase();
  if (type !== undefined && type !== 'FULL_OBJECT' && type !== 'COMPOSITE') {
    throw new S3Fault('InvalidRequest', 'Value for x-amz-checksum-type header is invalid.');
  }
  const crc = algorithm.startsWith('CRC');
  const wrong = algorithm === 'CRC64NVME' ? type === 'COMPOSITE' : !crc && type === 'FULL_OBJECT';
  if (wrong) {
    throw new S3Fault(
      'InvalidRequest',
      `The ${type} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
    );
  }
  return { algorithm, type: type ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE') };
}

export async function createMultipartUpload(call: Call): Promise<Answer> {
  const { store, headers, target } = call;
  const { bucket, key } = target;
  store.requireBucket(bucket);
  requireStorable(key);
  const checksum = checksumWanted(call);
  const upload = createUpload(store, {
    bucket,
    key,
    initiated: Date.now(),
    headers: describingHeaders(headers),
    checksum,
  });
  return {
    status: 200,
    headers: checksum && {
      'x-amz-checksum-algorithm': checksum.algorithm,
      'x-amz-checksum-type': checksum.type,
    },
    body: xmlDocument(
      'InitiateMultipartUploadResult',
      leaf('Bucket', bucket),
      leaf('Key', key),
      leaf('UploadId', upload.id),
    ),
  };
}

export async function uploadPart(call: Call): Promise<Answer> {
  const { store, request, target } = call;
  const upload = uploadOf(call);
  const number = Number(target.query.get('partNumber'));
  if (!Number.isInteger(number) || number < 1 || number > partNumberMax) {
    throw new S3Fault(
      'InvalidArgument',
      `Part number must be an integer between 1 and ${partNumberMax}, inclusive`,
      {
        ArgumentName: 'partNumber',
        ArgumentValue: target.query.get('partNumber') ?? '',
      },
    );
  }
  const temp = store.tempName();
  try {
    const file = await createFile(temp);
    const { bytes, etag, checksum } = await receive(request, file.append).finally(file.close);
    const declared = upload.checksum?.algorithm;
    if (declared !== undefined && declared !== checksum?.algorithm) {
      throw new S3Fault(
        'InvalidRequest',
        `Checksum Type mismatch occurred, expected checksum Type: ${declared.toLowerCase()}, actual checksum Type: ${checksum?.algorithm.toLowerCase() ?? 'null'}`,
      );
    }
    keepPart(store, upload, temp, { number, size: bytes, etag, modified: Date.now(), checksum });
    return { status: 200, headers: { etag: quoted(etag), ...partChecksumHeader(checksum) } };
  } catch (error) {
    await fs.promises.rm(temp, { force: true });
    throw error;
  }
}

function partChecksumHeader(checksum: Checksum | undefined): Record<string, string> {
  const { 'x-amz-checksum-type': _, ...header } = checksumHeaders(checksum);
  return header;
}

const partChecksum = (part: Part): string =>
  leaf(`Checksum${part.checksum?.algorithm ?? ''}`, part.checksum?.value);

export async function listParts(call: Call): Promise<Answer> {
  const { bucket, key, query } = call.target;
  const upload = uploadOf(call);
  const max = limitIn(query, 'max-parts', 1000);
  const marker = query.has('part-number-marker') ? limitIn(query, 'part-number-marker', partNumberMax) : 0;
  const all = partsOf(call.store, upload).filter((part) => part.number > marker);
  const parts = all.slice(0, max);
  return {
    status: 200,
    body: xmlDocument(
      'ListPartsResult',
      leaf('Bucket', bucket),
      leaf('Key', key),
      leaf('UploadId', upload.id),
      leaf('StorageClass', 'STANDARD'),
      leaf('PartNumberMarker', marker),
      leaf('NextPartNumberMarker', parts.at(-1)?.number ?? 0),
      leaf('MaxParts', max),
      leaf('IsTruncated', all.length > parts.length),
      leaf('ChecksumAlgorithm', upload.checksum?.algorithm),
      leaf('ChecksumType', upload.checksum?.type),
      ...parts.map((part) =>
        group(
          'Part',
          leaf('PartNumber', part.number),
          leaf('LastModified', isoTime(part.modified)),
          leaf('ETag', quoted(part.etag)),
          leaf('Size', part.size),
          partChecksum(part),
        ),
      ),
    ),
  };
}

export async function abortMultipartUpload(call: Call): Promise<Answer> {
  await dropUpload(call.store, uploadOf(call));
  return { status: 204 };
}

export async function listMultipartUploads({ store, target: { bucket, query } }: Call): Promise<Answer> {
  store.requireBucket(bucket);
  const encode = keyEncoder(query);
  const prefix = query.get('prefix') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('upload-id-marker') ?? '';
  const max = limitIn(query, 'max-uploads', 1000);
  const all = uploadsOf(store, bucket).filter(({ key, id }) => {
    if (!key.startsWith(prefix)) return false;
    const order = compareKeys(key, keyMarker);
    // without the id, the marker's key itself is over
    return keyMarker === '' || order > 0 || (order === 0 && idMarker !== '' && id > idMarker);
  });
  const uploads = all.slice(0, max);
  const last = all.length > uploads.length ? uploads.at(-1) : undefined;
  return {
    status: 200,
    body: xmlDocument(
      'ListMultipartUploadsResult',
      leaf('Bucket', bucket),
      leaf('KeyMarker', encode(keyMarker)),
      leaf('UploadIdMarker', idMarker),
      leaf('NextKeyMarker', last && encode(last.key)),
      leaf('NextUploadIdMarker', last?.id),
      leaf('Prefix', encode(prefix)),
      leaf('EncodingType', query.get('encoding-type') ?? undefined),
      leaf('MaxUploads', max),
      leaf('IsTruncated', last !== undefined),
      ...uploads.map((upload) =>
        group(
          'Upload',
          leaf('Key', encode(upload.key)),
          leaf('UploadId', upload.id),
          leaf('StorageClass', 'STANDARD'),
          leaf('Initiated', isoTime(upload.initiated)),
          leaf('ChecksumAlgorithm', upload.checksum?.algorithm),
          leaf('ChecksumType', upload.checksum?.type),
        ),
      ),
    ),
  };
}
