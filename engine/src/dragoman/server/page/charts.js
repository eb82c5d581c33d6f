// Small charts: bars by day. Each has a table in words for who does not see it.

import { h, svg, id } from "/page/dom.js";

const WIDTH = 640, HEIGHT = 180, LEFT = 58, BOTTOM = 22, TOP = 8;

/** `days`: [text]; `series`: [{name, values, colour}]; values of one day are stacked. */
export function bars(title, total, days, series, show = String) {
  const sums = days.map((_, i) => series.reduce((all, s) => all + s.values[i], 0));
  const top = nice(Math.max(...sums, 0));
  const step = (WIDTH - LEFT) / Math.max(days.length, 1);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const named = id("chart");
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": named });
  for (const share of [0, 0.5, 1]) {
    drawn.append(svg("line", { x1: LEFT, x2: WIDTH, y1: y(top * share), y2: y(top * share), class: "grid" }),
      svg("text", { x: LEFT - 6, y: y(top * share) + 4, "text-anchor": "end", class: "axis" }, show(top * share)));
  }
  const every = Math.ceil(days.length / 6);
  days.forEach((day, i) => {
    let below = 0;
    for (const one of series) {
      const value = one.values[i];
      if (value > 0) {
        const bar = svg("rect", { x: LEFT + i * step + step * 0.14, width: step * 0.72, y: y(below + value), height: Math.max(1, y(below) - y(below + value)), fill: `var(${one.colour})`, rx: 1.5 },
          svg("title", {}, `${day}: ${show(value)} ${one.name}`));
        drawn.append(bar);
      }
      below += value;
    }
    if (i % every === 0) drawn.append(svg("text", { x: LEFT + (i + 0.5) * step, y: HEIGHT - 6, "text-anchor": "middle", class: "axis" }, day.slice(5)));
  });
  return h("figure", { class: "card chart", style: null },
    h("figcaption", {}, h("h2", { id: named }, title), h("div", { class: "big" }, total)), drawn,
    series.length > 1 ? h("div", { class: "figures" }, series.map((s) => h("span", {}, swatch(s.colour), ` ${s.name}`))) : null);
}

function swatch(colour) {
  return svg("svg", { width: 10, height: 10, "aria-hidden": "true" }, svg("rect", { width: 10, height: 10, rx: 2, fill: `var(${colour})` }));
}

function nice(value) {
  if (value <= 0) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((n) => n * size).find((n) => n >= value);
}
