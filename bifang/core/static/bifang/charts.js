// Draws <figure class="bf-chart" data-chart="id of a JSON script">: the JSON is an ECharts option without colours.
// A point with a `link` leads there. Needs vendor/echarts before it.
(function () {
  "use strict";
  const drawn = new Map();

  function colours() {
    const styles = getComputedStyle(document.documentElement);
    return (name) => styles.getPropertyValue(name).trim();
  }

  function themed(option) {
    const colour = colours();
    const axis = { axisLabel: { color: colour("--bf-muted") }, axisLine: { lineStyle: { color: colour("--bf-line") } },
      splitLine: { lineStyle: { color: colour("--bf-line") } } };
    const dress = (each) => Object.assign({}, axis, each);
    const series = (option.series || []).map((each) => each.tone
      ? Object.assign({ itemStyle: { color: colour("--bf-tone-" + each.tone) }, lineStyle: { color: colour("--bf-tone-" + each.tone) } }, each) : each);
    return Object.assign({ animation: false, textStyle: { fontFamily: "inherit" }, grid: { left: 8, right: 12, top: 28, bottom: 4, containLabel: true },
      tooltip: { trigger: "axis", renderMode: "richText" } }, option,
      { legend: Object.assign({ textStyle: { color: colour("--bf-muted") }, top: 0, left: 0, itemWidth: 12, itemHeight: 8 }, option.legend),
        series: series, xAxis: option.xAxis && dress(option.xAxis), yAxis: option.yAxis && dress(option.yAxis) });
  }

  function draw(place) {
    const option = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    let chart = drawn.get(place);
    if (!chart) {
      chart = window.echarts.init(place, null, { renderer: "canvas" });
      chart.on("click", (point) => { if (point.data && point.data.link) window.location.assign(point.data.link); });
      drawn.set(place, chart);
    }
    chart.setOption(themed(option), true);
  }

  function drawAll() {
    for (const [place, chart] of drawn) {
      if (!place.isConnected) { chart.dispose(); drawn.delete(place); }
    }
    document.querySelectorAll("[data-chart]").forEach(draw);
  }

  drawAll();
  document.documentElement.addEventListener("bf:theme", drawAll);
  document.body.addEventListener("htmx:afterSettle", drawAll);
  document.body.addEventListener("bf:renewed", drawAll);
  window.addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
})();
