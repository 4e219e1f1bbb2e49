import { expect, it } from 'vitest';
import { compileTemplate, type Json } from '../../../local/step-functions/template.ts';

const refuse = (reason: string, at: string): never => {
  throw new Error(`${at}: ${reason}`);
};
const context = { Execution: { RedriveCount: 2 } };
const evaluate = (template: Json, input: Json = {}) =>
  compileTemplate(template, 'Output', refuse).evaluate({ input, context });

it('evaluates what stands in {% %} and keeps the rest', async () => {
  const template = {
    a: ['{% $states.input.n + 1 %}', 'text', null],
    count: '{%$states.context.Execution.RedriveCount%}',
  };
  expect(await evaluate(template, { n: 1 })).toEqual({ a: [2, 'text', null], count: 2 });
  expect(await evaluate('{% $states.input %}', [1])).toEqual([1]);
  expect(await evaluate('{% $states.input.[n] %}', [{ n: 1 }, { n: 2 }])).toEqual([[1], [2]]);
});

it.each([
  ['{% $states.input.missing %}', 'returned nothing'],
  ['{% function($x) { $x } %}', 'returned a function'],
  ['{% {"f": $sum} %}', 'returned a function'],
  ['{% $states.input.n + "x" %}', 'threw an error'],
  ['{% $unknown() %}', 'threw an error'],
])('fails on %s as AWS does, naming expression and field', async (expression, reason) => {
  await expect(evaluate({ field: expression }, { n: 1 })).rejects.toMatchObject({
    error: 'States.QueryEvaluationError',
    reason: expect.stringMatching(new RegExp(`'Output/field' ${reason}`)),
  });
});

it('leaves no trace of one evaluation in the next, also at the same time', async () => {
  const template = compileTemplate(
    '{% $merge([$states.input, {"seen": $states.input.n}]) %}',
    'Output',
    refuse,
  );
  const inputs = Array.from({ length: 50 }, (_, n) => ({ n }));
  const results = await Promise.all(inputs.map((input) => template.evaluate({ input, context })));
  expect(results).toEqual(inputs.map(({ n }) => ({ n, seen: n })));
  expect(inputs[3]).toEqual({ n: 3 });
});
