import { init } from 'echarts/core';
import type { Option } from './types';

/** A chart as an SVG document, of the size in which it stands on the page. */
export function svgOf(option: Option, width: number, height: number): string {
  const made = init(null, null, { renderer: 'svg', ssr: true, width, height });
  made.setOption(option);
  const text = made.renderToSVGString();
  made.dispose();
  return text;
}
