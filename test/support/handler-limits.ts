/** What a client's HTTP handler was told of time-outs: the SDK's type of it leaves that out. */
export const limitsOf = (handler: unknown): Readonly<Record<string, unknown>> =>
  (handler as { httpHandlerConfigs(): Record<string, unknown> }).httpHandlerConfigs();
