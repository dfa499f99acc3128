import { useEffect, useReducer } from 'react';

import type { IRemoteModel } from '../tokens';

/** Draw the component again whenever the model changes. */
export function useRemote(model: IRemoteModel<unknown>): void {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const slot = () => redraw();
    model.changed.connect(slot);
    return () => {
      model.changed.disconnect(slot);
    };
  }, [model]);
}
