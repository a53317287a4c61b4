/* Draws every chart of a page: ticks in k, M, B; legends that wrap; names of rows that wrap on a narrow screen; light or dark. */
function drawCharts(renderer, unfolded) {
  var text = document.getElementById('options').textContent, dark = matchMedia('(prefers-color-scheme: dark)'), drawn = [], width = 0;
  var ink = document.createElement('canvas').getContext('2d');
  /* Colours that are too faint on a dark ground, brighter. */
  var BRIGHT = {'#0072B2': '#3D9BE0', '#56B4E9': '#A6DAF7', '#8A7A00': '#C2B13A', '#6A51A3': '#A58FD8', '#525252': '#B4B8BE'};
  function tick(v) {
    var size = Math.abs(v);
    if (size >= 1e15 || (size && size < 1e-3)) return v.toExponential(2).replace(/\.?0+e/, 'e').replace('+', '');
    var units = [[1e12, ' T'], [1e9, ' B'], [1e6, ' M'], [1e3, ' k'], [1, '']], k = 0;
    while (k < 4 && size < units[k][0] * 0.9995) k++;
    return +(v / units[k][0]).toPrecision(4) + units[k][1];
  }
  function measure(words, font) { ink.font = (font || 12) + 'px sans-serif'; return ink.measureText(words).width; }
  function named(option) { return (option.legend.data || option.series.map(function (s) { return s.name; })).filter(Boolean); }
  /* Height in pixels that the legend takes beyond its first row, where it wraps. */
  function wrapped(option, room) {
    var x = 0, rows = 1, legend = option.legend;
    named(option).forEach(function (name) {
      var each = (legend.itemWidth || 25) + 5 + measure(String(name)) + 10;
      if (x && x + each > room) { rows++; x = 0; }
      x += each;
    });
    return (rows - 1) * 15;
  }
  function fit(option, el) {
    var room = el.clientWidth, taller = 0, grid = option.grid, flat = option.yAxis && option.yAxis.type === 'category';
    if (option.legend && option.legend.show !== false && grid) {
      taller = wrapped(option, room - 20);
      grid.top += taller;
    }
    if (flat && option.yAxis.data) {
      var widest = Math.max.apply(null, option.yAxis.data.map(function (n) { return measure(String(n), 11); }));
      if (widest > room * 0.42) option.yAxis.axisLabel = Object.assign({}, option.yAxis.axisLabel,
        {width: Math.round(room * 0.42), overflow: 'break', lineHeight: 11, fontSize: 10, interval: 0});
    }
    [option.xAxis, option.yAxis].forEach(function (axis) {
      if (!axis || (axis.type !== 'value' && axis.type !== 'log')) return;
      axis.axisLabel = Object.assign({hideOverlap: true}, axis.axisLabel, {formatter: axis.calendar_years ? String : tick});
    });
    if (flat && option.xAxis.type === 'value' && room < 480) option.xAxis.splitNumber = 3;
    return taller;
  }
  function draw(light) {
    var night = dark.matches && light !== true, options = JSON.parse(night ? text.replace(/#(0072B2|56B4E9|8A7A00|6A51A3|525252)/g, function (c) { return BRIGHT[c]; }) : text);
    drawn.forEach(function (c) { c.dispose(); });
    drawn = [];
    Object.keys(options).forEach(function (id) {
      var el = document.getElementById('chart-' + id), option = options[id];
      if (!el) return;
      el.dataset.height = el.dataset.height || parseInt(el.style.height, 10);
      el.style.height = +el.dataset.height + fit(option, el) + 'px';
      var chart = echarts.init(el, night ? 'dark' : null, {renderer: renderer});
      chart.setOption(Object.assign({backgroundColor: 'transparent'}, option));
      drawn.push(chart);
    });
    width = innerWidth;
  }
  draw();
  dark.addEventListener('change', draw);
  addEventListener('beforeprint', function () {
    if (unfolded) document.querySelectorAll(unfolded).forEach(function (d) { d.open = true; });
    draw(true);
  });
  addEventListener('afterprint', draw);
  addEventListener('resize', function () { if (innerWidth !== width) draw(); });
}
