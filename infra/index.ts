/** What an app of one's own imports: `import { SyncPipeline } from 'tidemark'`. */
export { type LakeBucketProps, lakeBucket } from './lake-bucket.ts';
export { ledgerTable } from './ledger.ts';
export { SyncPipeline, type SyncPipelineProps } from './sync-pipeline.ts';
