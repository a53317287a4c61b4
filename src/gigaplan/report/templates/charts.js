/* What every page and the planner share: numbers as people write them, tooltips with units, colours by night, drawing.
   Options are plain data; ``gigaplanCharts.prepared`` adds what ECharts can't say without a function. */
var gigaplanCharts = (function () {
  /* Colours on a white ground, and the same on a dark card (report/charts/palette.py). */
  var NIGHT = {'#2c3b7c': '#4971cb', '#2a99e8': '#b4d1ed', '#b5850e': '#f8aa04', '#327148': '#3bce9a', '#9844b0': '#c59bff',
    '#710c08': '#d45a2e', '#7d838c': '#8a919b', '#0d0f12': '#f6f7f9', '#fefefe': '#1c2024'};
  var MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
  var ink = document.createElement('canvas').getContext('2d');
  function tick(v, digits) {
    if (v === null || v === undefined || isNaN(v)) return '–';
    var size = Math.abs(v);
    if (size >= 1e15 || (size && size < 1e-3)) return (+v).toExponential(2).replace(/\.?0+e/, 'e').replace('+', '');
    var units = [[1e12, ' T'], [1e9, ' B'], [1e6, ' M'], [1e3, ' k'], [1, '']], k = 0;
    while (k < 4 && size < units[k][0] * 0.9995) k++;
    return +(v / units[k][0]).toPrecision(digits || 4) + units[k][1];
  }
  /* A number in a unit that is scaled already: 1,200 billion USD, not 1.2 k. */
  function plain(v, digits) {
    if (v === null || v === undefined || isNaN(v)) return '–';
    var size = Math.abs(v);
    if (size >= 1e6 || (size && size < 1e-3)) return tick(v, digits);
    return (size >= 1000 ? Math.round(v) : +(+v).toPrecision(digits || 4)).toLocaleString('en-US', {maximumFractionDigits: 12});
  }
  /* A value as the tooltip says it: three digits and its unit. */
  function valued(v, unit, scaled) { return (scaled ? plain : tick)(v, 3) + (unit ? ' ' + unit : ''); }
  function measure(words, font) { ink.font = (font || 12) + 'px sans-serif'; return ink.measureText(words).width; }
  function named(option) { return (option.legend.data || option.series.map(function (s) { return s.name; })).filter(Boolean); }
  function safe(text) { return String(text).replace(/[&<>"]/g, function (c) { return {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'}[c]; }); }
  function list(part) { return part ? [].concat(part) : []; }
  function nightly(text) { return text.replace(/#[0-9a-f]{6}\b/g, function (c) { return NIGHT[c] || c; }); }
  function number(value) { return Array.isArray(value) ? value[value.length - 1] : value; }
  function moment(value) { var d = new Date(value); return MONTHS[d.getMonth()] + ' ' + d.getFullYear(); }
  function row(marker, name, words) {
    return '<div style="display:flex;gap:12px;justify-content:space-between"><span>' + marker + safe(name) + '</span><b>' + words + '</b></div>';
  }
  /* The tooltip of all series at one place of the axis: each with its unit and range, the sum of a stack, what happens then. */
  function along(option) {
    return function (found) {
      var shows = option.shows || {}, items = list(found), sum = 0, parts = 0, lines = [], at = items[0] && items[0].axisValue;
      var head = shows.rows ? '' : shows.time ? moment(at) : (items[0] || {}).axisValueLabel || '';
      items.forEach(function (p) {
        var s = option.series[p.seriesIndex], v = number(p.value);
        if (!p.seriesName || /^series\d/.test(p.seriesName) || v === null || v === undefined || isNaN(v) || v === '-') return;
        if (s.stack === 'parts') { sum += +v; parts++; if (!+v) return; }
        var unit = s.unit || shows.unit, words = valued(v, unit, shows.plain), range = s.range, each = shows.plain ? plain : tick;
        if (range && range.low[p.dataIndex] !== null) words += '<br><small>' + range.of + ': ' + each(range.low[p.dataIndex], 3) + ' to ' + each(range.high[p.dataIndex], 3) + '</small>';
        lines.push(row(p.marker, p.seriesName, '<span style="text-align:right;display:block">' + words + '</span>'));
      });
      if (shows.total && parts > 1) lines.push(row('', shows.total, valued(sum, shows.unit, shows.plain)));
      if (shows.rows && items[0]) lines = [safe(shows.rows[items[0].dataIndex]).replace(/; /g, '<br>')];
      (shows.events || []).forEach(function (e) { if (shows.time && moment(e.day) === moment(at)) lines.push('<div style="max-width:280px;white-space:normal">' + safe(e.text) + '</div>'); });
      return lines.length ? (head ? '<b>' + safe(head) + '</b>' : '') + lines.join('') : '';
    };
  }
  /* The tooltip of one mark: a cell of a heat map says its row, its column and its unit. */
  function single(option) {
    return function (p) {
      var unit = (option.shows || {}).unit, x = list(option.xAxis)[0], y = list(option.yAxis)[0];
      if (p.seriesType !== 'heatmap') return safe(p.seriesName || p.name) + ' <b>' + valued(number(p.value), unit) + '</b>';
      return safe(y.data[p.value[1]]) + ', ' + safe(x.data[p.value[0]]) + ' <b>' + valued(p.value[2], unit) + '</b>';
    };
  }
  /* Away from the cursor, at the top: neither the legend's lines nor the curve below the cursor are covered. */
  function aside(point, params, el, rect, size) {
    var width = size.contentSize[0], left = point[0] < size.viewSize[0] / 2;
    return [left ? Math.min(point[0] + 24, size.viewSize[0] - width) : Math.max(point[0] - width - 24, 0), 46];
  }
  function tooltips(option) {
    var tip = option.tooltip;
    if (!tip || tip.show === false || tip.formatter || tip.valueFormatter) return;
    if (list(option.series).some(function (s) { return s.encode; })) return; /* its points name what they show */
    tip.confine = true;
    tip.formatter = tip.trigger === 'axis' ? along(option) : single(option);
    if (tip.trigger === 'axis') tip.position = aside;
    if (tip.trigger === 'axis') tip.axisPointer = Object.assign({type: 'line', animation: false}, tip.axisPointer);
  }
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
  function fit(option, room) {
    var taller = 0, grids = list(option.grid), axis = list(option.yAxis)[0], flat = axis && axis.type === 'category';
    if (option.legend && option.legend.show !== false && grids.length) {
      taller = wrapped(option, room - 20);
      grids[0].top += taller;
    }
    if (flat && axis.data) {
      var widest = Math.max.apply(null, axis.data.map(function (n) { return measure(String(n), 11); }));
      if (widest > room * 0.42) axis.axisLabel = Object.assign({}, axis.axisLabel,
        {width: Math.round(room * 0.42), overflow: 'break', lineHeight: 11, fontSize: 10, interval: 0});
    }
    list(option.xAxis).concat(list(option.yAxis)).forEach(function (axis) {
      if (axis.type !== 'value' && axis.type !== 'log') return;
      axis.axisLabel = Object.assign({hideOverlap: true}, axis.axisLabel, {formatter: axis.calendar_years ? String : function (v) { return (option.shows || {}).plain ? plain(v) : tick(v); }});
    });
    if (flat && list(option.xAxis)[0].type === 'value' && room < 480) option.xAxis.splitNumber = 3;
    return taller;
  }
  /* Returns an option (plain data) ready for ECharts in a room of so many pixels, and by how much it is taller. */
  function prepared(option, room, night) {
    var own = JSON.parse(night ? nightly(JSON.stringify(option)) : JSON.stringify(option)), taller = fit(own, room);
    if (night && own.visualMap) own.visualMap.inRange.color.reverse();
    tooltips(own);
    return {option: Object.assign({backgroundColor: 'transparent'}, own), taller: taller};
  }
  return {tick: tick, plain: plain, valued: valued, nightly: nightly, prepared: prepared};
})();

/* Draws a page's charts, each when it comes into view; all of them at a fixed width for print. */
function drawCharts(renderer, unfolded) {
  var options = JSON.parse(document.getElementById('options').textContent), drawn = {}, width = innerWidth;
  var dark = matchMedia('(prefers-color-scheme: dark)'), paper = false, root = document.documentElement;
  function element(id) { return document.getElementById('chart-' + id); }
  function draw(id) {
    var el = element(id);
    if (!el || !el.clientWidth) return;
    if (drawn[id]) drawn[id].dispose();
    el.dataset.height = el.dataset.height || parseInt(el.style.height, 10);
    var night = dark.matches && !paper, ready = gigaplanCharts.prepared(options[id], el.clientWidth, night);
    el.style.height = Math.round(+el.dataset.height * (paper ? 0.8 : 1)) + ready.taller + 'px';
    drawn[id] = echarts.init(el, night ? 'dark' : null, {renderer: renderer});
    drawn[id].setOption(ready.option);
  }
  function again() { Object.keys(drawn).forEach(draw); }
  function every() { Object.keys(options).forEach(draw); }
  /* Arrow keys move the cursor of the chart that has the focus. */
  function keys(el, id) {
    var place = 0;
    el.tabIndex = 0;
    el.addEventListener('keydown', function (e) {
      var step = {ArrowLeft: -1, ArrowRight: 1}[e.key], series = drawn[id] && options[id].series.findIndex(function (s) { return s.name && s.data; });
      if (!step || !drawn[id] || series < 0) return;
      place = Math.max(0, Math.min(options[id].series[series].data.length - 1, place + step));
      drawn[id].dispatchAction({type: 'showTip', seriesIndex: series, dataIndex: place});
      e.preventDefault();
    });
  }
  var seen = 'IntersectionObserver' in window && new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      var id = entry.target.id.slice('chart-'.length);
      if (entry.isIntersecting && !drawn[id]) draw(id);
    });
  }, {rootMargin: '600px'});
  Object.keys(options).forEach(function (id) {
    var el = element(id);
    if (!el) return;
    keys(el, id);
    if (seen) seen.observe(el);
  });
  /* The others one by one when the page is idle, so that they are there before a reader comes to them. */
  (function rest() {
    var id = Object.keys(options).find(function (id) { return !drawn[id] && element(id) && element(id).clientWidth; });
    if (!id || paper) return;
    draw(id);
    setTimeout(rest, 60);
  })();
  dark.addEventListener('change', again);
  addEventListener('beforeprint', function () {
    paper = true;
    root.classList.add('paper');
    if (unfolded) document.querySelectorAll(unfolded).forEach(function (d) { d.open = true; });
    every();
  });
  addEventListener('afterprint', function () { paper = false; root.classList.remove('paper'); again(); });
  addEventListener('resize', function () { if (innerWidth !== width && !paper) { width = innerWidth; again(); } });
}
