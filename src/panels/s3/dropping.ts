/** A file, and its path below what was chosen or dropped. */
export interface IDroppedFile {
  file: File;
  path: string;
}

/** The files of a drop, those in folders too. */
export async function* filesOf(
  data: DataTransfer
): AsyncGenerator<IDroppedFile> {
  // They are gone from the event once it was handled: all are taken at once.
  const entries = [...data.items]
    .map(item => item.webkitGetAsEntry())
    .filter(entry => entry !== null);
  for (const entry of entries) {
    yield* below(entry);
  }
}

async function* below(entry: FileSystemEntry): AsyncGenerator<IDroppedFile> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) =>
      entry.file(resolve, reject)
    );
    yield { file, path: entry.fullPath.replace(/^\//, '') };
  } else if (isFolder(entry)) {
    const reader = entry.createReader();
    for (;;) {
      // A browser gives a hundred at a time.
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
        reader.readEntries(resolve, reject)
      );
      if (some.length === 0) {
        return;
      }
      for (const each of some) {
        yield* below(each);
      }
    }
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

/** Have the user choose files of the computer, or a folder. */
export function chooseFiles(folder: boolean): Promise<IDroppedFile[]> {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = true;
  input.webkitdirectory = folder;
  return new Promise(resolve => {
    input.addEventListener('cancel', () => resolve([]));
    input.addEventListener('change', () =>
      resolve(
        [...(input.files ?? [])].map(file => ({
          file,
          path: file.webkitRelativePath || file.name
        }))
      )
    );
    input.click();
  });
}
