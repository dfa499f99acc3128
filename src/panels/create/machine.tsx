import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { IInstanceType } from '../../api/types';
import { formatBytes } from '../../components/bytes';
import { useTrans } from '../../components/translation';
import { type Path, valueAt } from '../../model/paths';
import { useForm, useMember } from './context';
import { Field, Part, TextField } from './fields';

const RESOURCES: Path = ['ResourceConfig'];
const TYPE: Path = [...RESOURCES, 'InstanceType'];
const LIMITS: Path = ['StoppingCondition'];

/** On what it runs, and for how long. */
export function MachineSize(): JSX.Element {
  const trans = useTrans();
  const { model } = useForm();
  const groups = valueAt(model.draft?.request, [
    ...RESOURCES,
    'InstanceGroups'
  ]);
  return (
    <Part title={trans.__('Machine')} path={RESOURCES}>
      {groups === undefined ? (
        <>
          <InstanceType />
          <TextField
            path={[...RESOURCES, 'InstanceCount']}
            label={trans.__('Instances')}
          />
        </>
      ) : (
        <p className="jp-MLStudio-help">
          {trans.__('Instance groups: see All settings.')}
        </p>
      )}
      <TextField
        path={[...RESOURCES, 'VolumeSizeInGB']}
        label={trans.__('Volume in GB')}
      />
      <TextField
        path={[...LIMITS, 'MaxRuntimeInSeconds']}
        label={trans.__('Time limit in seconds')}
        help={trans.__('Then it is stopped, and what it has made is kept.')}
      />
    </Part>
  );
}

function InstanceType(): JSX.Element {
  const trans = useTrans();
  const { form } = useForm();
  const { isRequired, problem, set, value } = useMember(TYPE);
  const types = form.instanceTypes;
  const chosen = types.find(each => each.InstanceType === value);
  const groups: [string, IInstanceType[]][] = [
    [trans.__('Would start now'), types.filter(each => each.FitsNow)],
    [
      trans.__('Would wait'),
      types.filter(each => !each.FitsNow && !each.Refusal)
    ],
    [
      trans.__('Not on this machine'),
      types.filter(each => each.Refusal !== undefined)
    ]
  ];
  return (
    <Field
      label={trans.__('Instance type')}
      help={chosen && given(chosen, trans)}
      problem={problem}
      required={isRequired}
    >
      {control => (
        <select
          {...control}
          className="jp-mod-styled"
          value={typeof value === 'string' ? value : ''}
          onChange={event => set(event.target.value)}
        >
          {!chosen && <option>{String(value ?? '')}</option>}
          {groups
            .filter(([, members]) => members.length > 0)
            .map(([title, members]) => (
              <optgroup key={title} label={title}>
                {members.map(each => (
                  <option key={each.InstanceType} value={each.InstanceType}>
                    {titleOf(each, trans)}
                  </option>
                ))}
              </optgroup>
            ))}
        </select>
      )}
    </Field>
  );
}

/** An instance type with what it has on SageMaker. */
function titleOf(type: IInstanceType, trans: TranslationBundle): string {
  const { Gpus, InstanceType: name, MemoryInBytes, VCpus } = type;
  if (VCpus === undefined) {
    return name === 'local_gpu'
      ? trans.__('%1 – this machine with its GPUs', name)
      : trans.__('%1 – this machine', name);
  }
  const memory = formatBytes(MemoryInBytes ?? 0);
  return Gpus
    ? trans.__('%1 – %2 vCPU, %3, %4 GPU', name, VCpus, memory, Gpus)
    : trans.__('%1 – %2 vCPU, %3', name, VCpus, memory);
}

/** What a job gets of an instance type here. */
function given(type: IInstanceType, trans: TranslationBundle): string {
  if (type.Refusal !== undefined) {
    return type.Refusal;
  }
  const memory = formatBytes(type.GivenMemoryInBytes ?? 0);
  const size = trans.__('Here: %1 vCPU, %2.', type.GivenVCpus ?? 0, memory);
  const when = type.FitsNow
    ? trans.__('It would start at once.')
    : trans.__('It would wait until others have ended.');
  return `${size} ${when}`;
}
