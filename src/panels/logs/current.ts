import type { LogModel } from './model';

/** The log that commands without arguments are about: the one the user was in last. */
export const logs: { current: LogModel | null } = { current: null };
