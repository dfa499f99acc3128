import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { notifications } from './plugins/notifications';
import { service } from './plugins/service';
import { views } from './plugins/views';

export { IMLStudio } from './tokens';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  service,
  views,
  notifications
];

export default plugins;
