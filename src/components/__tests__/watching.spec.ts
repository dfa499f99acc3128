import { Panel, Widget } from '@lumino/widgets';

import { RemoteModel } from '../../model/remote';
import { watchWhileVisible } from '../watching';

describe('watchWhileVisible', () => {
  it('watches exactly while the widget can be seen', () => {
    const model = new RemoteModel('test', async () => 1);
    const panel = new Panel();
    const widget = new Widget();
    panel.addWidget(widget);
    watchWhileVisible(widget, [model]);
    expect(model.isWatched).toBe(false);
    Widget.attach(panel, document.body);
    expect(model.isWatched).toBe(true);
    panel.hide();
    expect(model.isWatched).toBe(false);
    widget.hide();
    panel.show();
    expect(model.isWatched).toBe(false);
    widget.show();
    expect(model.isWatched).toBe(true);
    panel.dispose();
    expect(model.isWatched).toBe(false);
    model.dispose();
  });
});
