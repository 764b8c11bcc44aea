// Draws the charts of the analytics page with uPlot from the JSON at each; the tables below them need no script.
(() => {
  "use strict";

  const HEIGHT = 200;
  const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
  const drawn = new Map();

  // light-dark() is resolved only where a colour is used, not in the custom property itself.
  const probe = document.createElement("i");
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    if (!probe.isConnected) document.body.append(probe);
    return getComputedStyle(probe).color;
  };
  probe.hidden = true;

  const faded = (text) => {
    const parts = text.match(/[\d.]+/g);
    return parts ? `rgb(${parts[0]} ${parts[1]} ${parts[2]} / 18%)` : "transparent";
  };

  const number = (value, digits) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");

  const written = (unit) => (_plot, value) => {
    if (value === null || value === undefined) return "–";
    if (unit === "$") return (value < 0 ? "−$" : "$") + number(Math.abs(value), 2);
    return unit === "%" ? `${number(value, 1)} %` : number(value, 0);
  };

  const ticks = (unit) => (_plot, values) =>
    values.map((value) => (unit === "$" ? (value < 0 ? "−$" : "$") + Math.abs(value).toLocaleString("en-US") : unit === "%" ? `${value} %` : String(value).replace("-", "−")));

  // Days, or times of day where all is within two of them.
  const stamps = (plot, splits) => {
    const within = plot.scales.x.max - plot.scales.x.min < 172800;
    const write = uPlot.fmtDate(within ? "{HH}:{mm}" : "{D} {MMM}");
    return splits.map((seconds) => write(uPlot.tzDate(new Date(seconds * 1000), "Asia/Kolkata")));
  };

  const seriesOf = (data) =>
    data.series.map(({ label, tone, style }) => {
      const stroke = colour(tone);
      const few = data.x.length < 40;
      return {
        label,
        stroke,
        width: 2,
        fill: style === "area" || style === "bars" ? faded(stroke) : undefined,
        dash: style === "dashed" ? [6, 5] : undefined,
        paths: style === "bars" ? uPlot.paths.bars({ size: [0.9, 64] }) : undefined,
        points: { show: style !== "bars" && few, size: 5 },
        value: written(data.unit),
      };
    });

  const rangeOf = (data) => {
    if (data.unit === "%") return [0, 100];
    return (_plot, low, high) => {
      const least = Math.min(0, low ?? 0);
      const most = Math.max(0, high ?? 1) || (least < 0 ? 0 : 1);
      const pad = (most - least) * 0.08;
      return [least < 0 ? least - pad : 0, most + pad];
    };
  };

  const xScale = (data) => {
    const time = data.kind === "time";
    if (data.x.length > 1 && time) return { time };
    // One point, or bars whose outer halves must be seen: some room on both sides.
    const step = data.x.length > 1 ? data.x[1] - data.x[0] : time ? 43200 : Math.abs(data.x[0]) || 1;
    // uPlot stretches a single moment over years before it asks, so its own bounds are not used.
    return { time, range: () => [data.x[0] - step, data.x[data.x.length - 1] + step] };
  };

  // Until something is pointed at, the legend tells the newest point; a distribution has none, and only names its series.
  const rest = (data) => (plot) => {
    if (plot.cursor.idx === null || plot.cursor.idx === undefined) plot.setLegend({ idx: data.kind === "time" ? data.x.length - 1 : null }, false);
    plot.root.classList.toggle("u-resting", data.kind !== "time" && (plot.cursor.idx ?? null) === null);
  };

  const draw = (host) => {
    const data = JSON.parse(host.dataset.chart);
    if (!data.x.length) return;
    drawn.get(host)?.destroy();
    const axis = { stroke: colour("faint"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
    const options = {
      width: Math.max(200, host.clientWidth),
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Asia/Kolkata"),
      scales: { x: xScale(data), y: { range: rangeOf(data) } },
      axes: [{ ...axis, space: 64, values: data.kind === "time" ? stamps : ticks("$") }, { ...axis, size: 64, values: ticks(data.unit), ...(data.unit ? {} : { incrs: COUNTS }) }],
      hooks: { ready: [rest(data)], setCursor: [rest(data)] },
      series: [{ label: data.kind === "time" ? "IST" : "Net P&L", value: data.kind === "time" ? "{D} {MMM} {HH}:{mm}" : written("$") }, ...seriesOf(data)],
    };
    drawn.set(host, new uPlot(options, [data.x, ...data.series.map((one) => one.y)], host));
  };

  const drawAll = (again) => {
    for (const [host, plot] of drawn) {
      if (host.isConnected) continue;
      plot.destroy();
      sizes.unobserve(host);
      drawn.delete(host);
    }
    for (const host of document.querySelectorAll("[data-chart]")) {
      if (!again && drawn.has(host)) continue;
      draw(host);
      sizes.observe(host);
    }
  };

  // In the next frame: a chart that resizes its host while sizes are told is an error to the browser.
  const sizes = new ResizeObserver((entries) => requestAnimationFrame(() => {
    for (const { target } of entries) {
      const plot = drawn.get(target);
      const width = Math.max(200, target.clientWidth);
      if (plot && plot.width !== width) plot.setSize({ width, height: HEIGHT });
    }
  }));

  drawAll(false);
  document.addEventListener("htmx:afterSettle", () => drawAll(false));
  new MutationObserver(() => drawAll(true)).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(true));
})();
