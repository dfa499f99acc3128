import type { CompareModel } from './model';
import { filterRuns } from './rows';

/** Give the user all points of the runs that the filter finds. */
export async function exportPoints(
  model: CompareModel,
  format: string
): Promise<void> {
  const { value, view } = model;
  if (value === null) {
    return;
  }
  const runs = filterRuns(value, view).flatMap(
    index => value.runs[index]?.name ?? []
  );
  const file = await model.studio.client.runPoints(runs, null, format);
  saveAs(file, `metrics.${format}`);
}

/** Let the browser save a file. */
export function saveAs(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The download has begun with the click, or never will.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
