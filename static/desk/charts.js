// Every chart is drawn from the table under it, so both always say the same, and without scripts nothing is lost.
//
// <figure data-chart="bar|line" data-stacked data-sideways data-unit="%"> holds a canvas and a table. The first column
// names the points; each other column is a series: its heading is the name, data-colour one of the stylesheet's
// --chart-… colours, data-line draws it as a line, data-dots as points. A cell's data-value is the number; a cell without one is a gap.

const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const drawn = new Map();
const FONT = { family: "Inter, system-ui, sans-serif", size: 12 };

/** A colour of the stylesheet as a canvas understands it, in the scheme shown now. */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--chart-${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function pointsOf(table) {
  return [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim());
}

function seriesOf(figure, table) {
  const rows = [...table.tBodies[0].rows];
  return [...table.tHead.rows[0].cells].slice(1).flatMap((heading, index) => {
    if (!heading.dataset.colour) return [];
    const values = rows.map((row) => {
      const value = row.cells[index + 1].dataset.value;
      return value === undefined || value === "" ? null : Number(value);
    });
    const shade = colour(heading.dataset.colour);
    // Between things that have no order a line would say something that is not there.
    const isDots = "dots" in heading.dataset;
    const isLine = isDots || "line" in heading.dataset || figure.dataset.chart === "line";
    return [{
      type: isLine ? "line" : "bar",
      label: heading.textContent.trim(),
      data: values,
      backgroundColor: shade,
      borderColor: shade,
      borderWidth: isLine ? 2 : 0,
      borderRadius: "stacked" in figure.dataset ? 0 : 3,
      hoverBackgroundColor: shade,
      maxBarThickness: 34,
      showLine: !isDots,
      pointStyle: isDots ? "rectRot" : "circle",
      pointRadius: isDots ? 6 : isLine ? 2.5 : 0,
      pointHoverRadius: isDots ? 7 : 4,
      pointHitRadius: 12,
      cubicInterpolationMode: "monotone",
      spanGaps: false,
      order: isLine ? 0 : 1,
      yAxisID: "right" in heading.dataset ? "right" : undefined,
    }];
  });
}

function shown(value, unit) {
  if (value === null || value === undefined) return "N/A";
  const number = value.toLocaleString("en-GB", { maximumFractionDigits: 1 });
  return unit ? `${number} ${unit}` : number;
}

/** The beginning of a name that is too long for its place beside the chart. */
function shortened(name, context, width) {
  if (context.measureText(name).width <= width) return name;
  const letters = [...name];
  while (letters.length > 1 && context.measureText(`${letters.join("").trimEnd()}…`).width > width) letters.pop();
  return `${letters.join("").trimEnd()}…`;
}

/** The name of a bar that lies on its side: Chart.js gives it half the width, and would cut off its beginning. */
function besideBar(value) {
  const { ctx, width } = this.chart;
  ctx.save();
  ctx.font = `${FONT.size}px ${FONT.family}`;
  const name = shortened(this.getLabelForValue(value), ctx, width * 0.45 - 12);
  ctx.restore();
  return name;
}

function optionsOf(figure, series) {
  const text = colour("text");
  const grid = colour("grid");
  const stacked = "stacked" in figure.dataset;
  const sideways = "sideways" in figure.dataset;
  const unit = figure.dataset.unit || "";
  const font = FONT;
  const values = {
    stacked,
    beginAtZero: true,
    border: { display: false },
    grid: { color: grid, drawTicks: false },
    ticks: { color: text, font, padding: 8, maxTicksLimit: 6, precision: 0, callback: (value) => shown(value, unit) },
  };
  const points = {
    stacked,
    border: { color: grid },
    grid: { display: false },
    ticks: { color: text, font, padding: 4, maxRotation: 0, autoSkip: !sideways, autoSkipPadding: 12 },
  };
  if (sideways) points.ticks.callback = besideBar;
  const scales = sideways ? { x: values, y: points } : { x: points, y: values };
  if (series.some((each) => each.yAxisID === "right")) {
    scales.right = { ...values, stacked: false, position: "right", grid: { display: false } };
  }
  return {
    animation: reduced.matches ? false : { duration: 250 },
    indexAxis: sideways ? "y" : "x",
    interaction: { mode: "index", intersect: false, axis: sideways ? "y" : "x" },
    maintainAspectRatio: false,
    scales,
    plugins: {
      legend: {
        display: series.length > 1,
        align: "start",
        labels: { color: text, font, boxWidth: 10, boxHeight: 10, useBorderRadius: true, borderRadius: 2, padding: 14 },
      },
      tooltip: {
        titleFont: { ...font, weight: 600 },
        bodyFont: font,
        padding: 10,
        cornerRadius: 6,
        boxPadding: 4,
        callbacks: { label: (item) => ` ${item.dataset.label}: ${shown(item.raw, unit)}` },
      },
    },
  };
}

function draw(figure) {
  const table = figure.querySelector("table");
  const canvas = figure.querySelector("canvas");
  if (!table || !canvas) return; // nothing to draw yet: the figure says so in words
  drawn.get(canvas)?.destroy();
  const datasets = seriesOf(figure, table);
  const options = optionsOf(figure, datasets);
  drawn.set(canvas, new Chart(canvas, { data: { labels: pointsOf(table), datasets }, options }));
}

function drawAll(root = document) {
  for (const [canvas, chart] of drawn) {
    if (!canvas.isConnected) {
      chart.destroy();
      drawn.delete(canvas);
    }
  }
  root.querySelectorAll("figure[data-chart]").forEach(draw);
}

drawAll();
document.documentElement.addEventListener("desk:theme", () => drawAll());
document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
// Paper is white, whatever the screen was.
window.addEventListener("beforeprint", () => drawAll());
window.addEventListener("afterprint", () => drawAll());
