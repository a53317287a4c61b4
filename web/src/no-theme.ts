/** In the place of ECharts' dark theme: the page gives every chart its colours. */
export default {};
