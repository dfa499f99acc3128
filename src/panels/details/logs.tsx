import { Button } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import { useTrans } from '../../components/translation';
import type { LogModel } from '../logs/model';
import { LogPanel } from '../logs/panel';
import { Section } from './facts';

/** The log of a resource as a part of its panel. */
export function LogSection(props: {
  model: LogModel;
  commands: CommandRegistry;
}): JSX.Element {
  const trans = useTrans();
  const { commands, model } = props;
  return (
    <Section title={trans.__('Log')}>
      <Button
        small
        onClick={() =>
          void commands.execute(CommandIDs.openLog, { ...model.place })
        }
      >
        {trans.__('Open the log')}
      </Button>
      <LogPanel model={model} commands={commands} compact />
    </Section>
  );
}
