import { type Contents, ServerConnection } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';

import { FakeClient } from '../../__tests__/testutils';
import { StudioModel } from '../../model/studio';
import { CommandIDs } from '../ids';
import { addWelcomeCommands } from '../welcome';

describe('the quickstart', () => {
  const studio = new StudioModel(new FakeClient());
  const opened = jest.fn();
  const contents = { get: jest.fn(), save: jest.fn() };
  const commands = new CommandRegistry();

  beforeAll(() => {
    addWelcomeCommands(
      commands,
      studio,
      contents as unknown as Contents.IManager,
      nullTranslator.load('jupyter_mlstudio')
    );
    commands.addCommand('docmanager:open', {
      describedBy: { args: { type: 'object', properties: {} } },
      execute: opened
    });
  });

  beforeEach(() => jest.clearAllMocks());
  afterAll(() => studio.dispose());

  it('is put among the files and opened', async () => {
    contents.get.mockRejectedValue(
      new ServerConnection.ResponseError(new Response('', { status: 404 }))
    );
    await commands.execute(CommandIDs.openQuickstart);
    expect(contents.save).toHaveBeenCalledWith(
      'quickstart.ipynb',
      expect.objectContaining({ type: 'notebook', format: 'json' })
    );
    expect(opened).toHaveBeenCalledWith({ path: 'quickstart.ipynb' });
  });

  it('is never written over', async () => {
    contents.get.mockResolvedValue({});
    await commands.execute(CommandIDs.openQuickstart);
    expect(contents.save).not.toHaveBeenCalled();
    expect(opened).toHaveBeenCalled();
  });
});
