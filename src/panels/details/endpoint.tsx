import { Button } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import type { IEndpointDetails } from '../../api/types';
import { Remote } from '../../components/states';
import { StatusLabel } from '../../components/status';
import { RelativeTime } from '../../components/time';
import { useTrans } from '../../components/translation';
import { useRemote } from '../../components/useremote';
import type { IRemoteModel } from '../../tokens';
import type { LogModel } from '../logs/model';
import { Facts, Section } from './facts';
import { LogSection } from './logs';

/** One endpoint: what serves behind it, and what it said. */
export function EndpointDetails(props: {
  model: IRemoteModel<IEndpointDetails>;
  log: LogModel;
  commands: CommandRegistry;
  onStart: () => Promise<void>;
  onDelete: () => void;
}): JSX.Element {
  useRemote(props.model);
  return (
    <Remote model={props.model} onStart={props.onStart}>
      {({ endpoint }) => (
        <>
          <Overview endpoint={endpoint} onDelete={props.onDelete} />
          <Variants endpoint={endpoint} />
          <LogSection model={props.log} commands={props.commands} />
        </>
      )}
    </Remote>
  );
}

function Overview(props: {
  endpoint: IEndpointDetails['endpoint'];
  onDelete: () => void;
}): JSX.Element {
  const trans = useTrans();
  const { endpoint } = props;
  return (
    <>
      <header className="jp-MLStudio-detailsHeader">
        <h1>{endpoint.EndpointName}</h1>
        <span role="status">
          <StatusLabel status={endpoint.EndpointStatus} />
        </span>
        {endpoint.EndpointStatus !== 'Deleting' && (
          <Button small onClick={props.onDelete}>
            {trans.__('Delete')}
          </Button>
        )}
      </header>
      {endpoint.FailureReason && (
        <p className="jp-MLStudio-failureText" role="alert">
          {endpoint.FailureReason}
        </p>
      )}
      <Facts
        facts={[
          [
            trans.__('Created'),
            endpoint.CreationTime && (
              <RelativeTime date={endpoint.CreationTime} />
            )
          ],
          [
            trans.__('Changed'),
            endpoint.LastModifiedTime && (
              <RelativeTime date={endpoint.LastModifiedTime} />
            )
          ],
          [trans.__('Configuration'), endpoint.EndpointConfigName],
          [trans.__('ARN'), endpoint.EndpointArn]
        ]}
      />
    </>
  );
}

function Variants(props: {
  endpoint: IEndpointDetails['endpoint'];
}): JSX.Element | null {
  const trans = useTrans();
  const variants = props.endpoint.ProductionVariants ?? [];
  if (variants.length === 0) {
    return null;
  }
  return (
    <Section title={trans.__('Variants')}>
      <table className="jp-MLStudio-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Variant')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Weight')}
            </th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Instances')}
            </th>
          </tr>
        </thead>
        <tbody>
          {variants.map(variant => (
            <tr key={variant.VariantName}>
              <th scope="row">{variant.VariantName}</th>
              <td className="jp-mod-number">{variant.CurrentWeight}</td>
              <td className="jp-mod-number">
                {variant.CurrentInstanceCount ?? 0}/
                {variant.DesiredInstanceCount ?? 0}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}
