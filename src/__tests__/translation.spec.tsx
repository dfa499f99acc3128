import {
  nullTranslator,
  type TranslationBundle
} from '@jupyterlab/translation';
import { cleanup, render } from '@testing-library/react';
import { CommandRegistry } from '@lumino/commands';
import React, { act } from 'react';

import { RequestError, STUDIO_UNAVAILABLE } from '../api/request';
import { addLogCommands } from '../commands';
import { Banner, Skeleton } from '../components/states';
import { DOMAIN, TranslationContext } from '../components/translation';
import { JobTableModel } from '../model/jobtable';
import { StudioModel } from '../model/studio';
import { EndpointDetails } from '../panels/details/endpoint';
import { TrainingJobDetails } from '../panels/details/job';
import { LogModel } from '../panels/logs/model';
import { JobsPanel } from '../panels/jobs/panel';
import { EndpointList } from '../panels/sidebar/endpoints';
import { StudioHeader } from '../panels/sidebar/header';
import { TrainingJobList } from '../panels/sidebar/jobs';
import { Welcome } from '../panels/sidebar/welcome';
import { StudioStatus } from '../panels/statusbar/status';
import { FakeClient, makeEndpoint, makeJob } from './testutils';

/** A language in which everything that was translated stands in brackets. */
function pseudo(): TranslationBundle {
  const trans = nullTranslator.load(DOMAIN);
  const marked =
    (translate: (...words: never[]) => string) =>
    (...words: never[]) =>
      `⟦${translate(...words)}⟧`;
  return {
    ...trans,
    __: marked(trans.__.bind(trans)),
    _n: marked(trans._n.bind(trans))
  } as TranslationBundle;
}

/** What is the studio's own or the user's, and so the same in all languages. */
const DATA = /^(data-\S*|ml\.m5\.large|AllTraffic|arn:\S+|s3:\S+|\(.*\))$/;
const ATTRIBUTES = ['aria-label', 'alt', 'placeholder', 'title'];

/** Texts that a person reads and nobody translated. */
function untranslated(root: Element): string[] {
  const texts: string[] = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement?.closest('pre, time, output')) {
      texts.push(node.textContent ?? '');
    }
  }
  for (const element of root.querySelectorAll('*:not(time)')) {
    texts.push(...ATTRIBUTES.map(name => element.getAttribute(name) ?? ''));
  }
  return texts
    .flatMap(text => text.replace(/⟦[^⟧]*⟧/g, ' ').split(/[\s,]+/))
    .filter(word => /\p{L}{2}/u.test(word) && !DATA.test(word));
}

const nothing = jest.fn();
const start = async () => undefined;

describe('in another language', () => {
  let client: FakeClient;
  let studio: StudioModel;
  let table: JobTableModel;
  let log: LogModel;
  let commands: CommandRegistry;

  beforeEach(() => {
    client = new FakeClient();
    studio = new StudioModel(client);
    table = new JobTableModel(studio);
    log = new LogModel(studio, { kind: 'TrainingJob', name: 'data-a' });
    commands = new CommandRegistry();
    addLogCommands(commands, studio, { open: start, follow: start }, pseudo());
  });

  afterEach(() => {
    cleanup();
    table.dispose();
    log.dispose();
    studio.dispose();
  });

  function show(language = pseudo()): HTMLElement {
    const job = studio.follow('TrainingJob', 'data-a', () =>
      client.trainingJob('data-a')
    );
    const metrics = studio.follow('TrainingJob', 'data-a', () =>
      client.metricSeries()
    );
    const endpoint = studio.follow('Endpoint', 'data-b', () =>
      client.endpoint('data-b')
    );
    const tags = studio.follow('TrainingJob', 'data-a', async () => [
      { Key: 'data-tag', Value: '' }
    ]);
    const { container } = render(
      <TranslationContext.Provider value={language}>
        <Skeleton rows={1} />
        <StudioHeader status={studio.status} />
        <Banner connection={studio.connection} onStart={start} />
        <Welcome
          studio={studio}
          onConnect={nothing}
          onOpenNotebook={nothing}
          onQuickstart={nothing}
        />
        <StudioStatus
          running={studio.running}
          connection={studio.connection}
          onOpen={nothing}
        />
        <TrainingJobList
          model={studio.trainingJobs}
          onOpen={nothing}
          onStart={start}
          onStop={nothing}
        />
        <EndpointList
          model={studio.endpoints}
          onDelete={nothing}
          onOpen={nothing}
          onStart={start}
        />
        <JobsPanel
          model={table}
          choice={{}}
          onChoose={nothing}
          onClone={nothing}
          onCompare={nothing}
          onDelete={nothing}
          onOpen={nothing}
          onStart={start}
          onStop={nothing}
        />
        <TrainingJobDetails
          model={job}
          metrics={metrics}
          usage={metrics}
          log={log}
          tags={{ model: tags, add: start, remove: start }}
          commands={commands}
          onClone={nothing}
          onCopy={nothing}
          onStart={start}
          onStop={nothing}
        />
        <EndpointDetails
          model={endpoint}
          log={log}
          commands={commands}
          onDelete={nothing}
          onStart={start}
        />
      </TranslationContext.Provider>
    );
    models = [job, metrics, endpoint, log, tags];
    return container;
  }

  let models: { refresh(): Promise<void> }[] = [];
  const refresh = () =>
    act(async () => {
      for (const model of [
        studio.status,
        studio.running,
        studio.trainingJobs,
        studio.endpoints,
        table,
        ...models
      ]) {
        await model.refresh();
      }
    });

  it('nothing of an empty studio is left as it was', async () => {
    const container = show();
    await refresh();
    // Two panels are of resources that are not there, whose errors the studio words.
    expect(
      untranslated(container).filter(word => !/no|job|endpoint/.test(word))
    ).toEqual([]);
  });

  it('nothing of jobs and endpoints is left as it was', async () => {
    const job = makeJob('data-a', {
      TrainingJobStatus: 'Failed',
      SecondaryStatus: 'Failed',
      FailureReason: 'data-reason',
      TrainingStartTime: new Date(),
      TrainingEndTime: new Date()
    });
    client.jobs = [job, makeJob('data-c')];
    client.records = [job];
    client.served = [makeEndpoint('data-b')];
    const container = show();
    await refresh();
    expect(container.textContent).toContain('⟦Failed⟧');
    expect(untranslated(container)).toEqual([]);
  });

  it('what was not translated would be found', async () => {
    const container = show(nullTranslator.load(DOMAIN));
    await refresh();
    expect(untranslated(container)).toEqual(
      expect.arrayContaining(['Status', 'Columns', 'quickstart', 'compute'])
    );
  });

  it('nothing is left as it was while the studio is away', async () => {
    client.failure = new RequestError('data-off', STUDIO_UNAVAILABLE, 503);
    const container = show();
    await refresh();
    expect(untranslated(container)).toEqual([]);
  });
});
