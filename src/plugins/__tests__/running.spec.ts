import type { JupyterFrontEnd } from '@jupyterlab/application';
import {
  type IRunningSessions,
  RunningSessionManagers
} from '@jupyterlab/running';
import { CommandRegistry } from '@lumino/commands';
import { Panel, Widget } from '@lumino/widgets';

import { FakeClient, makeEndpoint, makeJob } from '../../__tests__/testutils';
import { addStudioCommands, CommandIDs } from '../../commands';
import { nullTranslator } from '@jupyterlab/translation';
import { StudioModel } from '../../model/studio';
import { running } from '../running';

const trans = nullTranslator.load('jupyter_mlstudio');

describe('the running sessions', () => {
  let client: FakeClient;
  let studio: StudioModel;
  let commands: CommandRegistry;
  let jobs: IRunningSessions.IManager;
  let endpoints: IRunningSessions.IManager;
  let panel: Panel;
  const executed = jest.fn();

  beforeEach(async () => {
    executed.mockClear();
    client = new FakeClient();
    client.jobs = [
      makeJob('busy'),
      makeJob('done', { TrainingJobStatus: 'Completed' })
    ];
    client.served = [
      makeEndpoint('serves'),
      makeEndpoint('comes', { EndpointStatus: 'Creating' })
    ];
    studio = new StudioModel(client);
    commands = new CommandRegistry();
    addStudioCommands(commands, studio, trans);
    commands.commandExecuted.connect((_, { id, args }) => executed(id, args));
    panel = new Panel();
    panel.addClass('jp-RunningSessions');
    const managers = new RunningSessionManagers();
    const shell = {
      widgets: (area: string) => (area === 'left' ? [panel] : [])
    };
    await running.activate(
      {
        commands,
        shell,
        restored: Promise.resolve()
      } as unknown as JupyterFrontEnd,
      studio,
      managers,
      null
    );
    await Promise.resolve();
    [jobs, endpoints] = managers.items() as [typeof jobs, typeof endpoints];
  });

  afterEach(() => {
    panel.dispose();
    studio.dispose();
  });

  const labels = (manager: IRunningSessions.IManager) =>
    manager.running({ mode: 'list' }).map(item => item.label());

  it('are looked at while their panel is visible only', async () => {
    expect(labels(jobs)).toEqual([]);
    expect(studio.running.isWatched).toBe(false);
    Widget.attach(panel, document.body);
    expect(studio.running.isWatched).toBe(true);
    panel.hide();
    expect(studio.running.isWatched).toBe(false);
  });

  it('are the jobs in progress and the endpoints in service', async () => {
    const changed = jest.fn();
    jobs.runningChanged.connect(changed);
    jobs.refreshRunning();
    await new Promise(done => setTimeout(done));
    expect(changed).toHaveBeenCalled();
    expect(labels(jobs)).toEqual(['busy']);
    expect(labels(endpoints)).toEqual(['serves']);
  });

  it('are all stopped, without a second question', async () => {
    jobs.shutdownAll();
    endpoints.shutdownAll();
    await new Promise(done => setTimeout(done));
    expect(client.calls).toEqual([
      ['StopTrainingJob', { TrainingJobName: 'busy' }],
      ['DeleteEndpoint', { EndpointName: 'serves' }]
    ]);
    expect(executed.mock.calls.map(([id]) => id)).toEqual([
      CommandIDs.stopAllTrainingJobs,
      CommandIDs.deleteAllEndpoints
    ]);
  });
});
