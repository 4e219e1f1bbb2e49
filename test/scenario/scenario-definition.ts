/** Of the scenario's table, in the database of the world. */
export const table = 'tidemark_scenario.orders';

export const rowCount = 20_000;

/** Parts and chunks so small that there is always something to kill, at any speed. */
export const definitionOptions = {
  tables: [table],
  part: { rows: 500 },
  chunk: { rows: 5_000 },
  concurrency: 2,
  retry: { kind: 'exponential', attempts: 20, interval_seconds: 1, max_interval_seconds: 5 },
};
