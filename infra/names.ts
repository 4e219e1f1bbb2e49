/** The names under which a sync is deployed. One of each in an account and region: a sync's name is its identity. */
export const ledgerName = (sync: string): string => `tidemark-${sync}`;
export const stateMachineName = (sync: string): string => `tidemark-${sync}`;
/** at most 60 characters of the 64 that Lambda takes: a sync's name has at most 40 */
export const functionName = (sync: string, name: string): string => `tidemark-${sync}-${name}`;
export const scheduleName = (sync: string): string => `tidemark-${sync}`;

/** CloudFormation stacks of this project's app. */
export const dataStackName = (sync: string): string => `tidemark-${sync}-data`;
export const pipelineStackName = (sync: string): string => `tidemark-${sync}`;
