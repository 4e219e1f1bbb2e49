import { expect, test } from 'vitest';
import { optionsPage } from '../../../core/definition/options-page.ts';

/** After an option has changed: `npx vitest run test/core/definition -u` writes the page anew. */
test('docs/options.md lists the options as they are declared', async () => {
  await expect(optionsPage()).toMatchFileSnapshot('../../../docs/options.md');
});
