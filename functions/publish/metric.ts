import type { Run } from '../../core/ledger/ledger.ts';

/**
 * A line of the log that CloudWatch makes metrics of: that a run was published, which the alarm on the age of the
 * newest one waits for, and how many rows it has. It is counted where the run ended, however late this is logged. The
 * log must take it as it is: Lambda's text format does.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export const publishedMetric = ({ sync, run, endedAt, totals }: Run): Readonly<Record<string, unknown>> => ({
  _aws: {
    Timestamp: Date.parse(endedAt!),
    CloudWatchMetrics: [
      {
        Namespace: 'Tidemark',
        Dimensions: [['Sync']],
        Metrics: [
          { Name: 'PublishedRuns', Unit: 'Count' },
          { Name: 'PublishedRows', Unit: 'Count' },
        ],
      },
    ],
  },
  Sync: sync,
  PublishedRuns: 1,
  PublishedRows: totals!.rows,
  run,
});
