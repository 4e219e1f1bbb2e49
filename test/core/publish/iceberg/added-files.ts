import type { DataFile } from '../../../../core/publish/iceberg/manifest.ts';
import type { AddedFile } from '../../../../core/publish/iceberg/snapshot-manifests.ts';

export const addedFiles = (files: readonly DataFile[]): AddedFile[] =>
  files.map((file) => ({
    rows: Number(file.record_count),
    bytes: Number(file.file_size_in_bytes),
    dataFile: () => file,
  }));
