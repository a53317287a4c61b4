/** What the first screen doesn't need: loaded when it is opened. */
import { BarChart, ScatterChart } from 'echarts/charts';
import { use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

use([BarChart, ScatterChart, SVGRenderer]);

export { Editor } from './Editor';
export { ClaimPanel, ExplainPanel } from './Panel';
export { Phases } from './Phases';
export { SiteMap } from './SiteMap';
export { StartPanel } from './Start';
export { svgOf } from './svg';
