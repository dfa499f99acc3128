import { deleteIcon } from '@jupyterlab/ui-components';
import React from 'react';

import type { Endpoint } from '../../api/types';
import { StatusLabel } from '../../components/status';
import { RelativeTime } from '../../components/time';
import { useTrans } from '../../components/translation';
import type { IListModel } from '../../tokens';
import { ResourceList } from './list';
import { Row } from './row';

/** The Python that an empty list suggests. */
const EXAMPLE = `import boto3
sagemaker = boto3.client("sagemaker")
sagemaker.create_endpoint(EndpointName="first", EndpointConfigName=...)`;

export interface IEndpointListProps {
  model: IListModel<Endpoint>;
  onOpen: (name: string) => void;
  onDelete: (name: string) => void;
  onStart: () => Promise<void>;
}

export function EndpointList(props: IEndpointListProps): JSX.Element {
  const trans = useTrans();
  return (
    <ResourceList
      model={props.model}
      label={trans.__('Endpoints')}
      hint={trans.__(
        'Endpoints appear here: models that answer requests in containers of their own.'
      )}
      example={EXAMPLE}
      onStart={props.onStart}
    >
      {endpoint => (
        <EndpointRow
          key={endpoint.EndpointArn}
          endpoint={endpoint}
          {...props}
        />
      )}
    </ResourceList>
  );
}

function EndpointRow(
  props: IEndpointListProps & { endpoint: Endpoint }
): JSX.Element {
  const trans = useTrans();
  const { endpoint } = props;
  const name = endpoint.EndpointName ?? '';
  return (
    <Row
      name={name}
      status={<StatusLabel status={endpoint.EndpointStatus} />}
      facts={[
        endpoint.CreationTime && (
          <RelativeTime key="time" date={endpoint.CreationTime} />
        ),
        instances(endpoint)
      ].filter(Boolean)}
      failure={endpoint.FailureReason}
      onOpen={() => props.onOpen(name)}
      action={
        endpoint.EndpointStatus === 'Deleting'
          ? undefined
          : {
              icon: deleteIcon,
              label: trans.__('Delete endpoint %1', name),
              run: () => props.onDelete(name)
            }
      }
    />
  );
}

/** How many instances serve of how many there should be. */
function instances(endpoint: Endpoint): string {
  const variants = endpoint.ProductionVariants ?? [];
  const sum = (counts: (number | undefined)[]) =>
    counts.reduce<number>((total, count) => total + (count ?? 0), 0);
  const current = sum(variants.map(variant => variant.CurrentInstanceCount));
  const desired = sum(variants.map(variant => variant.DesiredInstanceCount));
  return desired > 0 ? `${current}/${desired}` : '';
}
