export { addCopyCommands } from './copy';
export { CommandIDs, PALETTE } from './ids';
export { addStudioCommands } from './studio';
export { addWelcomeCommands } from './welcome';
export { addViewCommands, type IViews } from './views';
