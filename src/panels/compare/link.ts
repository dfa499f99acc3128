import { type IView, NEW_VIEW, parseView } from './view';

/** The parameter of an address that holds a view. */
export const LINK_PARAMETER = 'mlstudio-view';

/** Write a view for the end of an address: only what differs from a new one. */
export function toLink(view: IView): string {
  const differences = Object.entries(view).filter(
    ([member, value]) =>
      JSON.stringify(value) !== JSON.stringify(NEW_VIEW[member as keyof IView])
  );
  const bytes = new TextEncoder().encode(
    JSON.stringify(Object.fromEntries(differences))
  );
  const text = btoa(
    Array.from(bytes, byte => String.fromCharCode(byte)).join('')
  );
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * Read what `toLink` wrote.
 *
 * @throws Error if it is none.
 */
export function fromLink(text: string): IView {
  let json: string;
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    json = new TextDecoder().decode(
      Uint8Array.from(binary, letter => letter.charCodeAt(0))
    );
  } catch {
    throw new Error('This link holds no view of a comparison.');
  }
  return parseView(json);
}
