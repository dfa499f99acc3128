import {
  nullTranslator,
  type TranslationBundle
} from '@jupyterlab/translation';
import { type Context, createContext, useContext } from 'react';

/** The domain of all our strings. */
export const DOMAIN = 'jupyter_mlstudio';

export const TranslationContext: Context<TranslationBundle> = createContext(
  nullTranslator.load(DOMAIN)
);

/** The translations of the panel a component is in. */
export function useTrans(): TranslationBundle {
  return useContext(TranslationContext);
}
