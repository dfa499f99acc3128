import { Button } from '@jupyterlab/ui-components';
import React from 'react';

import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { IMLStudio } from '../../tokens';

/** Where to begin, as long as there is neither a job nor an endpoint. */
export function Welcome(props: {
  studio: Pick<IMLStudio, 'endpoints' | 'trainingJobs'>;
  onQuickstart: () => void;
  onConnect: () => void;
  onOpenNotebook: () => void;
}): JSX.Element | null {
  const trans = useTrans();
  const { endpoints, trainingJobs } = props.studio;
  useRemote(endpoints);
  useRemote(trainingJobs);
  const isNew = [endpoints, trainingJobs].every(
    list => list.value?.length === 0
  );
  if (!isNew) {
    return null;
  }
  return (
    <section
      className="jp-MLStudio-welcome"
      aria-label={trans.__('Where to begin')}
    >
      <p>
        {trans.__(
          'The quickstart is a notebook that trains, registers and deploys a first model. What it makes appears below.'
        )}
      </p>
      <Button small onClick={props.onQuickstart}>
        {trans.__('Open the quickstart')}
      </Button>
      <p>
        {trans.__(
          'A notebook written for Amazon SageMaker runs here as it is: kernels find the studio by themselves.'
        )}
      </p>
      <div className="jp-MLStudio-actions">
        <Button minimal small onClick={props.onOpenNotebook}>
          {trans.__('Open my SageMaker notebook')}
        </Button>
        <Button minimal small onClick={props.onConnect}>
          {trans.__('Connect to a studio elsewhere')}
        </Button>
      </div>
    </section>
  );
}
