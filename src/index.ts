import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { create } from './plugins/create';
import { compare } from './plugins/compare';
import { logs } from './plugins/logs';
import { notifications } from './plugins/notifications';
import { running } from './plugins/running';
import { s3 } from './plugins/s3';
import { service } from './plugins/service';
import { statusBar } from './plugins/statusbar';
import { viewFiles } from './plugins/viewfiles';
import { views } from './plugins/views';
import { welcome } from './plugins/welcome';

export { IMLStudio } from './tokens';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  service,
  views,
  create,
  s3,
  compare,
  viewFiles,
  notifications,
  running,
  statusBar,
  welcome,
  logs
];

export default plugins;
