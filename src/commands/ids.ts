/** The ids of all commands. */
export namespace CommandIDs {
  export const connectToStudio = 'mlstudio:connect-to-studio';
  export const copyTrainingJobAsBoto3 = 'mlstudio:copy-training-job-as-boto3';
  export const copyTrainingJobAsCli = 'mlstudio:copy-training-job-as-cli';
  export const deleteAllEndpoints = 'mlstudio:delete-all-endpoints';
  export const deleteEndpoint = 'mlstudio:delete-endpoint';
  export const deleteTrainingJobs = 'mlstudio:delete-training-jobs';
  export const openEndpoint = 'mlstudio:open-endpoint';
  export const openQuickstart = 'mlstudio:open-quickstart';
  export const openTrainingJob = 'mlstudio:open-training-job';
  export const openTrainingJobs = 'mlstudio:open-training-jobs';
  export const refreshResources = 'mlstudio:refresh-resources';
  export const showSidebar = 'mlstudio:show-sidebar';
  export const startStudio = 'mlstudio:start-studio';
  export const stopAllTrainingJobs = 'mlstudio:stop-all-training-jobs';
  export const stopTrainingJob = 'mlstudio:stop-training-job';
  export const stopTrainingJobs = 'mlstudio:stop-training-jobs';
}

/** The commands that make sense without arguments, and so go to the palette. */
export const PALETTE = [
  CommandIDs.connectToStudio,
  CommandIDs.deleteAllEndpoints,
  CommandIDs.openQuickstart,
  CommandIDs.openTrainingJobs,
  CommandIDs.refreshResources,
  CommandIDs.showSidebar,
  CommandIDs.startStudio,
  CommandIDs.stopAllTrainingJobs
];
