export { addCompareCommands, type IComparisons } from './compare';
export { addCopyCommands } from './copy';
export { addCreateCommands, type ICreateViews } from './create';
export { addS3Commands, type IS3Views } from './s3';
export { CommandIDs, LOG_COMMANDS, PALETTE } from './ids';
export { addLogCommands, type ILogOpener } from './logs';
export { addStudioCommands } from './studio';
export { addWelcomeCommands } from './welcome';
export { addViewCommands, type IViews } from './views';
