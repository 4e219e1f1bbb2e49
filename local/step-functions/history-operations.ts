import { type HistoryEvent, linesBackwards } from './history.ts';
import type { Lookups } from './lookups.ts';
import type { Operations } from './operations.ts';
import { page } from './parameters.ts';

/** Names of the fields that hold data of the execution, in the details of any event. */
const dataFields = new Set(['input', 'inputDetails', 'output', 'outputDetails', 'parameters']);

export function historyOperations(find: Lookups): Operations {
  return {
    GetExecutionHistory(parameters) {
      const found = find.execution(parameters);
      const { history } = 'execution' in found ? found.execution : found.child;
      const all = Array.from(linesBackwards(history), ({ event }) => event);
      if (parameters.reverseOrder !== true) all.reverse();
      const { items, ...more } = page(parameters, all, ({ id }) => String(id));
      return { events: parameters.includeExecutionData === false ? items.map(withoutData) : items, ...more };
    },
  };
}

function withoutData(event: HistoryEvent): object {
  return Object.fromEntries(
    Object.entries(event).map(([field, value]) => [
      field,
      typeof value !== 'object' || value === null
        ? value
        : Object.fromEntries(Object.entries(value).filter(([name]) => !dataFields.has(name))),
    ]),
  );
}
