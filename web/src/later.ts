/** What the first screen doesn't need: loaded when it is opened. */
import { BarChart, HeatmapChart, ScatterChart } from 'echarts/charts';
import { VisualMapComponent } from 'echarts/components';
import { use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import './later.css';

use([BarChart, HeatmapChart, ScatterChart, VisualMapComponent, SVGRenderer]);

export { Editor } from './Editor';
export { Engineer } from './Engineer';
export { FrameView } from './Frame';
export { JobsPanel } from './Jobs';
export { ClaimPanel, ExplainPanel } from './Panel';
export { Phases } from './Phases';
export { SiteMap } from './SiteMap';
export { StartPanel } from './Start';
export { StoredPanel, TokenPanel } from './Stored';
export { svgOf } from './svg';
