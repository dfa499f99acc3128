export { addCompareCommands, type IComparisons } from './compare';
export { addCopyCommands } from './copy';
export { addCreateCommands, type ICreateViews } from './create';
export { CommandIDs, PALETTE } from './ids';
export { addS3Commands, type IS3Views } from './s3';
export { addStudioCommands } from './studio';
export { addWelcomeCommands } from './welcome';
export { addViewCommands, type IViews } from './views';
