import { describe, vi } from 'vitest';
import { embeddedWorld } from './embedded-world.ts';
import { scenario } from './scenario.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

describe('the scenario, on the embedded cloud', () => scenario(embeddedWorld));
