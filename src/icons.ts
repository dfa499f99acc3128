import { LabIcon } from '@jupyterlab/ui-components';

import mlstudioSvg from '../style/icons/mlstudio.svg';

export const mlstudioIcon = new LabIcon({
  name: 'jupyter-mlstudio:mlstudio',
  svgstr: mlstudioSvg
});
