import { setTimeout as sleep } from 'node:timers/promises';
import { startStepFunctions } from '../../../local/step-functions.ts';

/** An engine in a process of its own, to be killed. Prints its endpoint. Arguments: folder, endpoint of the S3. */
const [folder, s3] = process.argv.slice(2) as [string, string];

const functions: { readonly [name: string]: (payload: never) => unknown } = {
  plan: () => ({
    status: 'planned',
    sync: 'shop',
    run: 'r1',
    bucket: 'lake',
    planKey: 'plan.jsonl',
    resultsPrefix: 'results',
  }),
  'copy-chunk': async ({ item }: { item: { chunk: number } }) => {
    await sleep(5);
    return { status: 'done', chunk: item.chunk };
  },
  publish: ({
    currentRedriveCount,
    redriveCount,
  }: {
    currentRedriveCount: number;
    redriveCount: number;
  }) => ({
    status: currentRedriveCount > redriveCount ? 'go-again' : 'published',
  }),
};

const { endpoint } = await startStepFunctions({
  folder,
  objects: { endpoint: s3 },
  lambda: {
    invoke: async (name, payload) => ({ ok: true, payload: await functions[name]!(payload as never) }),
  },
});
process.stdout.write(`${endpoint}\n`);
