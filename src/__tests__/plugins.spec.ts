import type { JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette, type IPaletteItem } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import type { Token } from '@lumino/coreutils';

import plugins from '..';
import { CommandIDs, PALETTE } from '../commands';
import type { StudioModel } from '../model/studio';
import { IMLStudio } from '../tokens';

const ids = Object.values(CommandIDs);

/** Activate all our plugins in an application that provides `services`, and little else. */
async function activate(
  services = new Map<Token<unknown>, unknown>()
): Promise<CommandRegistry> {
  const commands = new CommandRegistry();
  const app = {
    commands,
    docRegistry: { addFileType: jest.fn(), addWidgetFactory: jest.fn() },
    restored: Promise.resolve(),
    serviceManager: { contents: {}, events: {}, serverSettings: {} },
    shell: { add: jest.fn(), widgets: () => [] }
  } as unknown as JupyterFrontEnd;
  for (const plugin of plugins) {
    const wanted = [...(plugin.requires ?? []), ...(plugin.optional ?? [])];
    const given = wanted.map(token => services.get(token) ?? null);
    const service = await plugin.activate(app, ...given);
    if (plugin.provides) {
      services.set(plugin.provides, service);
    }
  }
  (services.get(IMLStudio) as StudioModel).dispose();
  return commands;
}

describe('the plugins', () => {
  it('need nothing that an application may leave out', () => {
    for (const { description, requires = [] } of plugins) {
      expect(requires.filter(token => token !== IMLStudio)).toEqual([]);
      expect(description).toBeTruthy();
    }
  });

  it('add all commands where there is nothing else', async () => {
    const commands = await activate();
    expect(commands.listCommands().sort()).toEqual([...ids].sort());
  });
});

describe('every command', () => {
  const items: IPaletteItem[] = [];
  let commands: CommandRegistry;

  const needs = async (id: string): Promise<string[] | undefined> => {
    const { args } = (await commands.describedBy(id)) as {
      args: { required?: string[] } | null;
    };
    return args === null ? undefined : (args.required ?? []);
  };

  beforeAll(async () => {
    const palette = { addItem: (item: IPaletteItem) => items.push(item) };
    commands = await activate(new Map([[ICommandPalette, palette]]));
  });

  it.each(ids)('%s says what it is and which arguments it takes', async id => {
    expect(id).toMatch(/^mlstudio:[a-z0-9-]+$/);
    expect(commands.label(id)).not.toBe('');
    expect(await needs(id)).toBeDefined();
  });

  it.each(ids)('%s is in the palette if it needs no argument', async id => {
    const free = (await needs(id))?.length === 0;
    const times = items.filter(item => item.command === id).length;
    expect(times).toBe(free ? 1 : 0);
    expect(PALETTE.includes(id)).toBe(free);
  });
});
