// SPDX-License-Identifier: Apache-2.0
// Draws the charts of the report. Each <figure> holds its data as JSON: {kind, title, options,
// columns, rows}. Columns are fields f0, f1, ... here, so that no name of the data is ever read as
// an expression or a path. Colours are CSS variables: light, dark and paper need no second drawing.
"use strict";

(() => {
  const PALETTE = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `var(--c${i})`);
  const WIDE_RANGE = 100;

  // By name: what is inherited could not be measured, and titles would lie on labels.
  const FONT = "system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif";

  const CONFIG = {
    background: null,
    font: FONT,
    view: { stroke: null },
    axis: {
      labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--line)",
      domainColor: "var(--line)", tickColor: "var(--line)", labelFontSize: 11, titleFontSize: 11,
      titleFontWeight: "normal", labelLimit: 230, titleLimit: 260, tickCount: 5,
    },
    legend: {
      labelColor: "var(--ink)", titleColor: "var(--soft)", orient: "top", title: null,
      labelFontSize: 11, symbolStrokeWidth: 2, labelLimit: 160, columns: 4,
    },
    rule: { color: "var(--soft)" },
  };

  // Long names that begin alike differ at their end, so the middle goes.
  const SHORT = "length(datum.label) > 32 ? " +
    "slice(datum.label, 0, 15) + '…' + slice(datum.label, -16) : datum.label";

  const number = (field, title, more) => ({ field, type: "quantitative", title, ...more });
  const name = (field, title, more) => ({ field, type: "nominal", title, sort: null, ...more });
  const unique = (values) => [...new Set(values)];

  // Data as objects, with the place of each row.
  const values = (chart) => chart.rows.map((row, i) => {
    const out = { i };
    row.forEach((value, k) => { out[`f${k}`] = value; });
    return out;
  });

  const tooltip = (chart) => chart.columns.map((title, k) => {
    const numeric = chart.rows.some((row) => typeof row[k] === "number");
    const fraction = chart.rows.some((row) => typeof row[k] === "number" && row[k] % 1 !== 0);
    const column = { field: `f${k}`, title, type: numeric ? "quantitative" : "nominal" };
    return numeric ? { ...column, format: fraction ? ".4~g" : "," } : column;
  });

  const colour = (chart, k) => {
    const names = unique(chart.rows.map((row) => row[k]));
    // A model has the same colour in every chart, whichever models a chart shows.
    const all = chart.options.models ?? names;
    return {
      field: `f${k}`, type: "nominal", sort: null,
      scale: { domain: names, range: names.map((each) => PALETTE[all.indexOf(each) % PALETTE.length]) },
    };
  };

  const dashes = { strokeDash: [4, 3], color: "var(--soft)", strokeWidth: 1 };

  // Over the columns in `of`: from corner to corner, or as far as x goes.
  const diagonal = (chart, of) => {
    const all = chart.rows.flatMap((row) => of.map((k) => row[k])).filter((v) => typeof v === "number");
    const ends = chart.options.unit ? [0, 1] : [Math.min(...all), Math.max(...all)];
    return {
      data: { values: ends.map((v) => ({ f0: v, f1: v })) },
      mark: { type: "line", ...dashes, tooltip: null },
      encoding: { x: number("f0"), y: number("f1") },
    };
  };

  const scaleOf = (numbers) => {
    const wide = numbers.length > 1 && Math.min(...numbers) > 0 &&
      Math.max(...numbers) / Math.min(...numbers) > WIDE_RANGE;
    // With more ticks asked for than decades, each decade would get nine lines.
    return wide ? { scale: { type: "log" }, axis: { tickCount: 2 } } : { scale: { zero: false } };
  };

  const KINDS = {
    lines(chart) {
      const scale = chart.options.unit ? { domain: [0, 1] } : { zero: false };
      const axis = chart.options.unit ? { format: ".1f" } : { format: "~s" };
      const x = number("f0", chart.columns[0], { scale, axis });
      const { domain } = chart.options;
      const y = number("f1", chart.columns[1], { scale: domain ? { domain } : scale, axis });
      const clip = Boolean(domain);
      const layer = [];
      if (chart.options.diagonal) layer.push(diagonal(chart, [0]));
      if (chart.options.zero) layer.push({ mark: { type: "rule", ...dashes }, encoding: { y: { datum: 0 } } });
      layer.push({
        mark: { type: "line", strokeWidth: 1.8, clip },
        encoding: { x, y, color: colour(chart, 2), order: { field: "i", type: "quantitative" } },
      });
      const sized = chart.columns.length > 3;
      layer.push({
        // Without dots in sight the points still answer the pointer.
        mark: chart.options.points ? { type: "point", filled: true, opacity: 0.9, size: 36, clip }
          : { type: "point", filled: true, opacity: 0, size: 60 },
        encoding: {
          x, y, color: colour(chart, 2), tooltip: tooltip(chart),
          ...(sized ? { size: number("f3", "rows", { legend: null, scale: { range: [14, 220] } }) } : {}),
        },
      });
      return { layer };
    },

    intervals(chart) {
      const y = name("f0", null, { axis: { labelExpr: SHORT } });
      const scale = { zero: false, padding: 8 };
      const layer = [];
      if (typeof chart.options.reference === "number") {
        layer.push({
          mark: { type: "rule", ...dashes },
          encoding: { x: { datum: chart.options.reference, type: "quantitative" } },
        });
      }
      layer.push({
        transform: [{ filter: "isValid(datum.f2) && isValid(datum.f3)" }],
        mark: { type: "rule", strokeWidth: 2, color: "var(--c1)" },
        encoding: { y, x: number("f2", chart.options.value, { scale }), x2: { field: "f3" }, tooltip: tooltip(chart) },
      }, {
        mark: { type: "point", filled: true, size: 60, color: "var(--c1)", opacity: 1 },
        encoding: { y, x: number("f1", chart.options.value, { scale }), tooltip: tooltip(chart) },
      });
      return { layer };
    },

    bars(chart) {
      const y = name("f0", null, { axis: { labelExpr: SHORT } });
      const title = chart.options.value;
      const layer = [{
        mark: { type: "bar", color: "var(--c1)", height: { band: 0.7 } },
        encoding: { y, x: number("f1", title), tooltip: tooltip(chart) },
      }];
      if (chart.options.deviation) {
        layer.push({
          transform: [{ calculate: "datum.f1 - datum.f2", as: "low" }, { calculate: "datum.f1 + datum.f2", as: "high" }],
          mark: { type: "rule", strokeWidth: 1.5, color: "var(--ink)" },
          encoding: { y, x: number("low", title), x2: { field: "high" } },
        });
      }
      return { layer };
    },

    matrix(chart) {
      const { dense } = chart.options;
      const axis = { labelAngle: dense ? -60 : 0, orient: "top", labelExpr: SHORT, labelLimit: 150 };
      const x = name("f1", chart.columns[1], { axis });
      const y = name("f0", chart.columns[0], { axis: { labelExpr: SHORT } });
      return {
        layer: [{
          mark: { type: "rect", fill: "var(--c1)", stroke: "var(--page)", strokeWidth: 2 },
          encoding: {
            x, y, tooltip: tooltip(chart),
            fillOpacity: number("f3", null, { legend: null, scale: { domain: [0, 1], range: [0.06, 0.62] } }),
          },
        }, {
          // Among many classes zeros would hide what matters, and shares have no room.
          transform: dense ? [{ filter: "datum.f2 > 0" }] : [],
          mark: { type: "text", color: "var(--ink)", fontSize: dense ? 10 : 12, dy: dense ? 0 : -6 },
          encoding: { x, y, text: number("f2", null, { format: dense ? "~s" : "," }) },
        }, ...(dense ? [] : [{
          mark: { type: "text", color: "var(--ink)", fontSize: 11, dy: 9, opacity: 0.75 },
          encoding: { x, y, text: number("f3", null, { format: ".1%" }) },
        }])],
      };
    },

    scatter(chart) {
      const scaled = scaleOf(chart.rows.flatMap((row) => [row[0], row[1]]));
      return {
        layer: [...(chart.options.diagonal ? [diagonal(chart, [0, 1])] : []), {
          mark: { type: "point", filled: true, size: 50, opacity: 0.85 },
          encoding: {
            x: number("f0", chart.columns[0], scaled), y: number("f1", chart.columns[1], scaled),
            color: colour(chart, 2), tooltip: tooltip(chart),
          },
        }],
      };
    },

    trials(chart) {
      const scaled = scaleOf(chart.rows.map((row) => row[2]));
      const x = number("f0", chart.columns[0], { axis: { tickMinStep: 1, format: "d" }, scale: { zero: false } });
      const y = (field) => number(field, chart.options.value, scaled);
      const best = new Map();
      const better = chart.options.less ? Math.min : Math.max;
      const data = values(chart);
      for (const row of data) {
        row.best = best.has(row.f1) ? better(best.get(row.f1), row.f2) : row.f2;
        best.set(row.f1, row.best);
      }
      return {
        data: { values: data },
        layer: [{
          mark: { type: "line", interpolate: "step-after", strokeWidth: 1.5, opacity: 0.7 },
          encoding: { x, y: y("best"), color: colour(chart, 1) },
        }, {
          mark: { type: "point", filled: true, size: 50, opacity: 0.9 },
          encoding: { x, y: y("f2"), color: colour(chart, 1), tooltip: tooltip(chart) },
        }],
      };
    },
  };

  async function draw(figure) {
    const place = figure.querySelector(".chart");
    try {
      const chart = JSON.parse(figure.querySelector("script.data").textContent);
      if (chart.options.most) chart.rows.length = chart.options.most;
      const spec = {
        data: { values: values(chart) },
        description: chart.title,
        width: "container",
        height: chart.height,
        autosize: { type: "fit", contains: "padding" },
        config: CONFIG,
        ...KINDS[chart.kind](chart),
      };
      // The interpreter in place of eval, which the page's policy forbids.
      await vegaEmbed(place, spec, { ast: true, renderer: "svg", actions: false, mode: "vega-lite" });
    } catch (error) {
      console.error(error);
      place.textContent = "This chart could not be drawn; its table has the data.";
      figure.querySelector("details").open = true;
    }
  }

  // Charts do not listen for the width of paper.
  window.addEventListener("beforeprint", () => window.dispatchEvent(new Event("resize")));

  (async () => {
    for (const figure of document.querySelectorAll("figure")) await draw(figure);
    document.documentElement.dataset.drawn = "yes";
  })();
})();
