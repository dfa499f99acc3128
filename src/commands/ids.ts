/** The ids of all commands. */
export namespace CommandIDs {
  export const copyTrainingJobAsBoto3 = 'mlstudio:copy-training-job-as-boto3';
  export const copyTrainingJobAsCli = 'mlstudio:copy-training-job-as-cli';
  export const deleteEndpoint = 'mlstudio:delete-endpoint';
  export const deleteTrainingJobs = 'mlstudio:delete-training-jobs';
  export const openEndpoint = 'mlstudio:open-endpoint';
  export const openTrainingJob = 'mlstudio:open-training-job';
  export const openTrainingJobs = 'mlstudio:open-training-jobs';
  export const refreshResources = 'mlstudio:refresh-resources';
  export const showSidebar = 'mlstudio:show-sidebar';
  export const startStudio = 'mlstudio:start-studio';
  export const stopTrainingJob = 'mlstudio:stop-training-job';
  export const stopTrainingJobs = 'mlstudio:stop-training-jobs';
}

/** The commands that make sense without arguments, and so go to the palette. */
export const PALETTE = [
  CommandIDs.openTrainingJobs,
  CommandIDs.refreshResources,
  CommandIDs.showSidebar,
  CommandIDs.startStudio
];
