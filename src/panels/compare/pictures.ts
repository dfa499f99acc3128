import { createContext, useContext, useEffect } from 'react';

import { saveAs } from './download';

/** Draws a chart as SVG. */
export type Draw = () => string;

/** The charts of a panel, each as a picture; by what it is called in the panel. */
export class Pictures {
  readonly draws = new Map<string, Draw>();

  /** Let the user save a chart. */
  async save(key: string, title: string, format: 'png' | 'svg'): Promise<void> {
    const draw = this.draws.get(key);
    if (draw === undefined) {
      return;
    }
    const svg = new Blob([draw()], { type: 'image/svg+xml' });
    const name = title.replace(/[^\w.-]+/g, '-').slice(0, 80) || 'chart';
    saveAs(format === 'svg' ? svg : await toPng(svg), `${name}.${format}`);
  }
}

/** How much finer than on the screen a PNG is. */
const SCALE = 2;

async function toPng(svg: Blob): Promise<Blob> {
  const image = new Image();
  image.src = URL.createObjectURL(svg);
  await image.decode();
  URL.revokeObjectURL(image.src);
  const canvas = document.createElement('canvas');
  canvas.width = image.width * SCALE;
  canvas.height = image.height * SCALE;
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      blob =>
        blob ? resolve(blob) : reject(new Error('The picture is empty.')),
      'image/png'
    )
  );
}

/** Where a chart says how it is drawn as a picture. */
export const PictureContext = createContext<{
  pictures: Pictures;
  key: string;
} | null>(null);

/** Say how this chart is drawn as a picture. */
export function usePicture(draw: Draw): void {
  const context = useContext(PictureContext);
  useEffect(() => {
    context?.pictures.draws.set(context.key, draw);
    return () => {
      context?.pictures.draws.delete(context.key);
    };
  }, [context, draw]);
}

/** The colours of pictures: on white, as they are printed. */
export function pictureColors(): { text: string; grid: string } {
  return { text: '#333333', grid: '#dddddd' };
}
