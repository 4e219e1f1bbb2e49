/**
 * Explores every state that can be reached, breadth first: the first violation found has the shortest way to it. Knows
 * nothing of the protocol.
 */

export type Step<State, Label> = { readonly label: Label; readonly next: State };

export type Space<State, Label> = {
  readonly initial: State;
  /** Equal texts mean equal states: whatever can happen from one can happen from the other. */
  readonly keyOf: (state: State) => string;
  /** What can happen next. */
  readonly stepsFrom: (
    state: State,
  ) => Promise<readonly Step<State, Label>[]> | readonly Step<State, Label>[];
  /** What is wrong about a step, or null. */
  readonly judge: (before: State, step: Step<State, Label>) => Promise<string | null> | string | null;
  /** Refuses to go on beyond so many states: a space that has grown by accident must not eat the machine. */
  readonly statesMax: number;
};

export type Exploration<Label> = {
  readonly states: number;
  readonly steps: number;
  /** steps on the longest of the shortest ways */
  readonly depth: number;
  readonly violation: { readonly fault: string; readonly trace: readonly Label[] } | null;
};

/** @throws Error where there are more states than `statesMax` */
export async function explore<State, Label>(space: Space<State, Label>): Promise<Exploration<Label>> {
  const { keyOf, stepsFrom, judge, statesMax } = space;
  const seen = new Set([keyOf(space.initial)]);
  /** how each state was first reached: from which one, and by what */
  const parents: number[] = [-1];
  const labels: (Label | null)[] = [null];
  let layer: { readonly index: number; readonly state: State }[] = [{ index: 0, state: space.initial }];
  let steps = 0;
  let depth = 0;

  function traceTo(index: number, last: Label): Label[] {
    const trace = [last];
    for (let at = index; at > 0; at = parents[at]!) trace.push(labels[at]!);
    return trace.reverse();
  }

  while (layer.length > 0) {
    const following: typeof layer = [];
    for (const { index, state } of layer) {
      for (const step of await stepsFrom(state)) {
        steps++;
        const fault = await judge(state, step);
        if (fault !== null) {
          const trace = traceTo(index, step.label);
          return { states: seen.size, steps, depth: trace.length, violation: { fault, trace } };
        }
        const key = keyOf(step.next);
        if (seen.has(key)) continue;
        seen.add(key);
        if (seen.size > statesMax) throw new Error(`more than ${statesMax} states`);
        parents.push(index);
        labels.push(step.label);
        following.push({ index: parents.length - 1, state: step.next });
      }
    }
    if (following.length > 0) depth++;
    layer = following;
  }
  return { states: seen.size, steps, depth, violation: null };
}
