/** The ids of all commands. */
export namespace CommandIDs {
  export const clearTrainingJobForm = 'mlstudio:clear-training-job-form';
  export const cloneTrainingJob = 'mlstudio:clone-training-job';
  export const connectToStudio = 'mlstudio:connect-to-studio';
  export const copyS3Uri = 'mlstudio:copy-s3-uri';
  export const copyTrainingJobAsBoto3 = 'mlstudio:copy-training-job-as-boto3';
  export const copyTrainingJobAsCli = 'mlstudio:copy-training-job-as-cli';
  export const copyTrainingJobForm = 'mlstudio:copy-training-job-form';
  export const createS3Bucket = 'mlstudio:create-s3-bucket';
  export const createTrainingJob = 'mlstudio:create-training-job';
  export const deleteAllEndpoints = 'mlstudio:delete-all-endpoints';
  export const deleteEndpoint = 'mlstudio:delete-endpoint';
  export const deleteFromS3 = 'mlstudio:delete-from-s3';
  export const deleteTrainingJobs = 'mlstudio:delete-training-jobs';
  export const downloadFromS3 = 'mlstudio:download-from-s3';
  export const openEndpoint = 'mlstudio:open-endpoint';
  export const openQuickstart = 'mlstudio:open-quickstart';
  export const openS3 = 'mlstudio:open-s3';
  export const openTrainingJob = 'mlstudio:open-training-job';
  export const openTrainingJobs = 'mlstudio:open-training-jobs';
  export const refreshResources = 'mlstudio:refresh-resources';
  export const showSidebar = 'mlstudio:show-sidebar';
  export const startStudio = 'mlstudio:start-studio';
  export const stopAllTrainingJobs = 'mlstudio:stop-all-training-jobs';
  export const stopTrainingJob = 'mlstudio:stop-training-job';
  export const stopTrainingJobs = 'mlstudio:stop-training-jobs';
  export const submitTrainingJob = 'mlstudio:submit-training-job';
  export const trainWithScript = 'mlstudio:train-with-script';
  export const uploadFilesToS3 = 'mlstudio:upload-files-to-s3';
  export const uploadToS3 = 'mlstudio:upload-to-s3';
}

/** The commands that make sense without arguments, and so go to the palette. */
export const PALETTE = [
  CommandIDs.clearTrainingJobForm,
  CommandIDs.connectToStudio,
  CommandIDs.copyTrainingJobForm,
  CommandIDs.createS3Bucket,
  CommandIDs.createTrainingJob,
  CommandIDs.deleteAllEndpoints,
  CommandIDs.openQuickstart,
  CommandIDs.openS3,
  CommandIDs.openTrainingJobs,
  CommandIDs.refreshResources,
  CommandIDs.showSidebar,
  CommandIDs.startStudio,
  CommandIDs.stopAllTrainingJobs,
  CommandIDs.submitTrainingJob,
  CommandIDs.trainWithScript,
  CommandIDs.uploadFilesToS3
];
