// SPDX-License-Identifier: Apache-2.0
// Reads {scripts, figures} on standard input: the scripts of a report page and the text of each
// figure's data. Runs the scripts as a page would, compiles each chart and draws it without a
// browser. Prints for each {title, marks, texts, warnings}.
"use strict";

const vm = require("node:vm");

const input = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const drawn = [];
const figures = input.figures.map((text) => {
  const place = { textContent: "" };
  const parts = { ".chart": place, "script.data": { textContent: text }, details: { open: false } };
  return { place, parts, querySelector: (selector) => parts[selector] };
});

const root = { dataset: {} };
const page = vm.createContext({
  console, setTimeout, clearTimeout, setInterval, clearInterval, structuredClone, URL, Map, Set,
  addEventListener() {},
  document: {
    documentElement: root, querySelectorAll: () => figures, createElement: () => ({ style: {} }),
    getElementById: () => null, body: {},
  },
});
page.window = page;
const scripts = input.scripts;
for (const script of scripts.slice(0, -1)) vm.runInContext(script, page);

// In place of the browser: the same specification, a fixed width, and SVG as text.
page.vegaEmbed = async (place, spec, options) => {
  const warnings = [];
  const note = (...words) => warnings.push(words.join(" "));
  const logger = { level: () => logger, warn: note, error: note, info() {}, debug() {} };
  const compiled = page.vegaLite.compile({ ...spec, width: 400 }, { logger }).spec;
  if (!options.ast) throw new Error("the page's policy forbids eval");
  const view = new page.vega.View(page.vega.parse(compiled), { renderer: "none", logger });
  const svg = await view.toSVG();
  drawn.push({
    title: spec.description,
    marks: (svg.match(/role="graphics-symbol"/g) ?? []).length,
    text: [...svg.matchAll(/<text[^>]*>([^<]*)/g)].map((match) => match[1]),
    svg: svg.includes("NaN"),
    warnings,
  });
};
vm.runInContext(scripts.at(-1), page);

const wait = setInterval(() => {
  if (root.dataset.drawn !== "yes") return;
  clearInterval(wait);
  const failed = figures.filter((figure) => figure.parts.details.open).length;
  console.log(JSON.stringify({ drawn, failed }));
}, 5);
