"use strict";
// The page of one model. All that comes from the model is put in as text, never as markup.

const at = (id) => document.getElementById(id);
const make = (tag, text, className) => {
  const out = document.createElement(tag);
  if (text !== undefined) out.textContent = text;
  if (className) out.className = className;
  return out;
};
const shown = (number) =>
  typeof number === "number" ? Number(number.toPrecision(6)).toString() : String(number);

const state = { about: null, inputs: [] };

function path(verb) {
  return `/v1/models/${encodeURIComponent(state.about.name)}:${verb}`;
}

// A field is empty where the value is null.
function field(input, value) {
  const isTruth = input.type === "boolean";
  const out = document.createElement(isTruth ? "select" : "input");
  if (isTruth) {
    for (const [text, word] of [["null", ""], ["true", "true"], ["false", "false"]]) {
      const option = make("option", text);
      option.value = word;
      out.append(option);
    }
  } else {
    const isNumber = /^(u?int|float|decimal)/.test(input.type);
    out.type = "text";
    out.inputMode = isNumber ? "decimal" : "text";
    out.placeholder = "null";
    out.autocomplete = "off";
  }
  out.value = value === null || value === undefined ? "" : String(value);
  out.id = `field-${input.name}`;
  out.name = input.name;
  return out;
}

function valueOf(input, element) {
  const text = element.value;
  if (text === "") return null;
  if (input.type === "boolean") return text === "true";
  const isNumber = /^(u?int|float|decimal)/.test(input.type);
  // What is no number goes as it is, and the server says what is wrong with it.
  return isNumber && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function row() {
  const out = {};
  for (const { input, element } of state.inputs) out[input.name] = valueOf(input, element);
  return out;
}

function showCurl() {
  const body = JSON.stringify({ instances: [row()] }).replaceAll("'", "'\\''");
  at("curl").textContent =
    `curl ${location.origin}${path("predict")} \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

function clearErrors() {
  for (const each of document.querySelectorAll(".error")) each.remove();
  for (const each of document.querySelectorAll(".wrong")) each.classList.remove("wrong");
}

function showErrors(answer) {
  at("reasons").hidden = true;
  at("answer").replaceChildren(make("p", answer.error, "error"));
  for (const each of answer.errors || []) {
    const found = state.inputs.find(({ input }) => input.name === each.field);
    if (!found) continue;
    found.element.classList.add("wrong");
    found.element.after(make("p", each.error, "error"));
  }
}

function showPrediction(prediction) {
  const answer = make("div");
  const names = Object.keys(prediction);
  const first = names.includes("prediction") ? "prediction" : names[0];
  const target = state.about.target ? `${state.about.target}: ` : "";
  answer.append(make("p", target, "quiet"), make("strong", shown(prediction[first])));
  const table = make("table");
  for (const name of names.filter((each) => each !== first)) {
    const line = make("tr");
    const bar = make("td", undefined, "wide");
    const value = prediction[name];
    if (/^probab/.test(name) && typeof value === "number") {
      const share = make("div", undefined, "share");
      share.style.width = `${Math.max(0.5, value * 100)}%`;
      bar.append(share);
    }
    line.append(make("td", name), bar, make("td", shown(value)));
    table.append(line);
  }
  if (table.children.length > 0) answer.append(table);
  at("answer").replaceChildren(answer);
}

function showReasons(reasons) {
  at("reasons").hidden = false;
  at("score").textContent =
    `Raw score of ${reasons.of}: ${shown(reasons.expected)} on average, ` +
    `${shown(reasons.score)} here; exact SHAP values, the greatest first.`;
  const most = Math.max(...reasons.contributions.map((each) => Math.abs(each.contribution)), 1e-12);
  const lines = reasons.contributions.slice(0, 12).map((each) => {
    const line = make("tr");
    const bar = make("div", undefined, "bar");
    const width = `${(Math.abs(each.contribution) / most) * 100}%`;
    const down = make("span", undefined, "down");
    const up = make("span", undefined, "up");
    down.style.width = each.contribution < 0 ? width : "0";
    up.style.width = each.contribution > 0 ? width : "0";
    bar.append(down, up, make("b", shown(each.contribution)));
    const cell = make("td");
    cell.append(bar);
    line.append(make("td", each.feature), make("td", each.value === null ? "null" : shown(each.value)),
                cell);
    return line;
  });
  at("parts").tBodies[0].replaceChildren(...lines);
}

async function predict(event) {
  event.preventDefault();
  clearErrors();
  const verb = state.about.explains ? "explain" : "predict";
  let answer;
  try {
    const response = await fetch(path(verb), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ instances: [row()] }),
    });
    answer = await response.json();
  } catch (error) {
    answer = { error: `the server does not answer: ${error.message}` };
  }
  if (answer.error !== undefined) return showErrors(answer);
  showPrediction(answer.predictions[0]);
  if (answer.explanations) showReasons(answer.explanations[0]);
}

function showForm() {
  const example = state.about.example || { columns: [], data: [] };
  at("rows").hidden = example.data.length === 0;
  for (const input of state.about.inputs) {
    const place = example.columns.indexOf(input.name);
    const element = field(input, place < 0 ? null : (example.data[0] || [])[place]);
    const label = make("label", input.name);
    label.htmlFor = element.id;
    label.title = input.type;
    at("fields").append(label, element);
    state.inputs.push({ input, element });
    element.addEventListener("input", showCurl);
  }
}

async function begin() {
  const name = decodeURIComponent(location.pathname.split("/").pop());
  const response = await fetch(`/pages/about/${encodeURIComponent(name)}`);
  const about = await response.json();
  if (!response.ok) {
    at("name").textContent = about.error;
    return;
  }
  state.about = about;
  document.title = about.name;
  at("name").textContent = about.name;
  at("about").textContent =
    [about.task, `version ${about.version}`, `sha256 ${about.digest.slice(0, 12)}`]
      .filter(Boolean).join(" · ");
  if (about.models.length > 1) {
    at("others").hidden = false;
    for (const each of about.models) {
      const link = make("a", each);
      link.href = `/models/${encodeURIComponent(each)}`;
      at("others").append(link);
    }
  }
  if (about.inputs.length === 0) {
    at("form").replaceChildren(make("p", "This model is not asked by rows; see /v2/models.", "quiet"));
    return;
  }
  showForm();
  showCurl();
  at("form").addEventListener("submit", predict);
  at("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(at("curl").textContent);
    at("copy").textContent = "Copied";
  });
}

begin();
