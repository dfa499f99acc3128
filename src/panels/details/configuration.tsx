import type { DescribeTrainingJobResponse } from '@aws-sdk/client-sagemaker';
import React from 'react';

import { useTrans } from '../../components/translation';
import { requestLike } from '../../model/snippets';
import { Section } from './facts';

/** Everything a training job was asked for, with its environment as it is described. */
export function Configuration(props: {
  job: DescribeTrainingJobResponse;
}): JSX.Element {
  const trans = useTrans();
  const request = {
    ...requestLike(props.job),
    TrainingJobName: props.job.TrainingJobName
  };
  return (
    <Section title={trans.__('Configuration')}>
      <details className="jp-MLStudio-configuration">
        <summary>{trans.__('The whole request')}</summary>
        <pre tabIndex={0} aria-label={trans.__('The whole request')}>
          {JSON.stringify(request, null, 2)}
        </pre>
      </details>
    </Section>
  );
}
