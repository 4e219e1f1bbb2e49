import { childMachineName, machineArn } from './arns.ts';
import type { Engine } from './engine.ts';
import type { Lookups } from './lookups.ts';
import { arnOf, countsOf, type MapRun } from './map-run.ts';
import type { Operations } from './operations.ts';
import { page, seconds } from './parameters.ts';

export function mapRunOperations({ executions }: Engine, find: Lookups): Operations {
  return {
    ListMapRuns(parameters) {
      const found = find.execution(parameters);
      // children have no map runs of their own
      const mapRuns = 'execution' in found ? found.execution.mapRuns.toReversed() : [];
      const { items, ...more } = page(parameters, mapRuns, ({ id }) => id);
      return { mapRuns: items.map((mapRun) => summaryOf(mapRun)), ...more };
    },
    DescribeMapRun(parameters) {
      const mapRun = find.mapRun(parameters);
      if (mapRun.finalCounts === null) executions.childrenOf(mapRun);
      // every item has a child of its own
      const counts = countsOf(mapRun);
      const { maxConcurrency, toleratedFailureCount, toleratedFailurePercentage } = mapRun.tolerance;
      return {
        ...summaryOf(mapRun),
        status: mapRun.status,
        maxConcurrency,
        toleratedFailurePercentage: toleratedFailurePercentage ?? 0,
        toleratedFailureCount: toleratedFailureCount ?? 0,
        itemCounts: counts,
        executionCounts: counts,
        redriveCount: mapRun.redriveCount,
        ...(mapRun.redriveMs === null ? {} : { redriveDate: seconds(mapRun.redriveMs) }),
      };
    },
  };
}

function summaryOf(mapRun: MapRun) {
  return {
    executionArn: mapRun.executionArn,
    mapRunArn: arnOf(mapRun),
    stateMachineArn: machineArn(childMachineName(mapRun.machine, mapRun.label)),
    startDate: seconds(mapRun.startMs),
    ...(mapRun.stopMs === null ? {} : { stopDate: seconds(mapRun.stopMs) }),
  };
}
