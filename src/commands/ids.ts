/** The ids of all commands. */
export namespace CommandIDs {
  export const changeLogTimes = 'mlstudio:change-log-times';
  export const clearTrainingJobForm = 'mlstudio:clear-training-job-form';
  export const cloneTrainingJob = 'mlstudio:clone-training-job';
  export const compareAddChart = 'mlstudio:compare-add-chart';
  export const compareAddRun = 'mlstudio:compare-add-run';
  export const compareAllRuns = 'mlstudio:compare-all-runs';
  export const compareBetter = 'mlstudio:compare-better';
  export const compareChangeLook = 'mlstudio:compare-change-look';
  export const compareCopyLink = 'mlstudio:compare-copy-link';
  export const compareEditNote = 'mlstudio:compare-edit-note';
  export const compareExport = 'mlstudio:compare-export';
  export const compareGroupBy = 'mlstudio:compare-group-by';
  export const compareHideColumn = 'mlstudio:compare-hide-column';
  export const compareKeepFiltered = 'mlstudio:compare-keep-filtered';
  export const compareMoveColumn = 'mlstudio:compare-move-column';
  export const compareOpenLink = 'mlstudio:compare-open-link';
  export const comparePinRun = 'mlstudio:compare-pin-run';
  export const compareRedo = 'mlstudio:compare-redo';
  export const compareRemoveRun = 'mlstudio:compare-remove-run';
  export const compareResizeColumn = 'mlstudio:compare-resize-column';
  export const compareRuns = 'mlstudio:compare-runs';
  export const compareSaveChart = 'mlstudio:compare-save-chart';
  export const compareSaveView = 'mlstudio:compare-save-view';
  export const compareSetBaseline = 'mlstudio:compare-set-baseline';
  export const compareShowAggregate = 'mlstudio:compare-show-aggregate';
  export const compareStickColumn = 'mlstudio:compare-stick-column';
  export const compareUndo = 'mlstudio:compare-undo';
  export const connectToStudio = 'mlstudio:connect-to-studio';
  export const copyLogLink = 'mlstudio:copy-log-link';
  export const copyS3Uri = 'mlstudio:copy-s3-uri';
  export const copyTrainingJobAsBoto3 = 'mlstudio:copy-training-job-as-boto3';
  export const copyTrainingJobAsCli = 'mlstudio:copy-training-job-as-cli';
  export const copyTrainingJobAsSdk = 'mlstudio:copy-training-job-as-sdk';
  export const copyTrainingJobForm = 'mlstudio:copy-training-job-form';
  export const createS3Bucket = 'mlstudio:create-s3-bucket';
  export const createTrainingJob = 'mlstudio:create-training-job';
  export const deleteAllEndpoints = 'mlstudio:delete-all-endpoints';
  export const deleteEndpoint = 'mlstudio:delete-endpoint';
  export const deleteFromS3 = 'mlstudio:delete-from-s3';
  export const deleteTrainingJobs = 'mlstudio:delete-training-jobs';
  export const downloadFromS3 = 'mlstudio:download-from-s3';
  export const downloadLog = 'mlstudio:download-log';
  export const findInLog = 'mlstudio:find-in-log';
  export const findNextInLog = 'mlstudio:find-next-in-log';
  export const findPreviousInLog = 'mlstudio:find-previous-in-log';
  export const goToFirstError = 'mlstudio:go-to-first-error-in-log';
  export const goToLogLine = 'mlstudio:go-to-line-in-log';
  export const goToNextError = 'mlstudio:go-to-next-error-in-log';
  export const openEndpoint = 'mlstudio:open-endpoint';
  export const openLog = 'mlstudio:open-log';
  export const openLogLink = 'mlstudio:open-log-link';
  export const openQuickstart = 'mlstudio:open-quickstart';
  export const openS3 = 'mlstudio:open-s3';
  export const openTrainingJob = 'mlstudio:open-training-job';
  export const openTrainingJobs = 'mlstudio:open-training-jobs';
  export const refreshResources = 'mlstudio:refresh-resources';
  export const showLogKeys = 'mlstudio:show-log-keys';
  export const showSidebar = 'mlstudio:show-sidebar';
  export const startStudio = 'mlstudio:start-studio';
  export const stopAllTrainingJobs = 'mlstudio:stop-all-training-jobs';
  export const stopTrainingJobs = 'mlstudio:stop-training-jobs';
  export const submitTrainingJob = 'mlstudio:submit-training-job';
  export const toggleLogFollow = 'mlstudio:toggle-log-follow';
  export const toggleLogWrap = 'mlstudio:toggle-log-wrap';
  export const trainWithScript = 'mlstudio:train-with-script';
  export const uploadFilesToS3 = 'mlstudio:upload-files-to-s3';
  export const uploadToS3 = 'mlstudio:upload-to-s3';
}

/** The commands about the log that the user is in. */
export const LOG_COMMANDS = [
  CommandIDs.changeLogTimes,
  CommandIDs.copyLogLink,
  CommandIDs.downloadLog,
  CommandIDs.findInLog,
  CommandIDs.findNextInLog,
  CommandIDs.findPreviousInLog,
  CommandIDs.goToFirstError,
  CommandIDs.goToLogLine,
  CommandIDs.goToNextError,
  CommandIDs.showLogKeys,
  CommandIDs.toggleLogFollow,
  CommandIDs.toggleLogWrap
];

/** The commands that make sense without arguments, and so go to the palette. */
export const PALETTE = [
  CommandIDs.clearTrainingJobForm,
  CommandIDs.compareAddRun,
  CommandIDs.compareAllRuns,
  CommandIDs.compareCopyLink,
  CommandIDs.compareExport,
  CommandIDs.compareKeepFiltered,
  CommandIDs.compareRedo,
  CommandIDs.compareRuns,
  CommandIDs.compareSaveView,
  CommandIDs.compareUndo,
  CommandIDs.connectToStudio,
  CommandIDs.copyTrainingJobForm,
  CommandIDs.createS3Bucket,
  CommandIDs.createTrainingJob,
  CommandIDs.deleteAllEndpoints,
  CommandIDs.openQuickstart,
  CommandIDs.openS3,
  ...LOG_COMMANDS,
  CommandIDs.openTrainingJobs,
  CommandIDs.refreshResources,
  CommandIDs.showSidebar,
  CommandIDs.startStudio,
  CommandIDs.stopAllTrainingJobs,
  CommandIDs.submitTrainingJob,
  CommandIDs.trainWithScript,
  CommandIDs.uploadFilesToS3
];
