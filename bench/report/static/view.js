// Tables of BD-rates for the selected anchor, metric and codecs, which are stored in the address.
// The numbers are in the JSON of bench/report/views/bd_rates.py. Figures send and receive changes with the event "view" of
// the document, whose detail has any of {anchor, metric, codecs}.
"use strict";

(() => {
  const source = document.getElementById("rate-tables");
  if (!source) return;

  const tables = JSON.parse(source.textContent);
  const byId = (id) => document.getElementById(id);
  const control = { anchor: byId("page-anchor"), metric: byId("page-metric") };
  const { dataset } = document.body.dataset;
  const state = { anchor: control.anchor.value, metric: control.metric.value, codecs: null };

  // ---- tables -----------------------------------------------------------------------------------------------------

  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  /** Superscript that links to the remark below the table; the remark is its tooltip and accessible name. */
  const mark = (table, number, remark) => element("sup", {}, element("a", {
    href: `#${table.id}-remark-${number}`, title: remark, ariaLabel: `remark ${number}: ${remark}`,
  }, String(number)));

  const fill = (cell, content, ...marks) => {
    const [text, second, sort] = content ?? ["", "", ""];
    cell.replaceChildren(text, ...marks, ...(second ? [element("span", { className: "interval" }, second)] : []));
    if (sort) cell.dataset.sort = sort;
    else delete cell.dataset.sort;
  };

  const draw = (table) => {
    const { rows, remarks } = tables[state.metric][state.anchor];
    const places = new Map([...table.tBodies[0].rows].map((row) => [row.dataset.curve, row]));
    const shown = [];
    for (const row of places.values()) row.hidden = true;
    for (const { name, cells, remark, doubted } of rows) {
      const row = places.get(name);
      if (!row) continue;
      const text = remark === null ? "" : remarks[remark];
      if (text && !shown.includes(text)) shown.push(text);
      row.hidden = false;
      row.classList.toggle("doubted", doubted);
      row.querySelectorAll("[data-cell]").forEach((cell, index) => {
        fill(cell, cells[index], ...(text && !index ? [mark(table, shown.indexOf(text) + 1, text)] : []));
      });
      table.tBodies[0].append(row);
    }
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    byId(`${table.id}-remarks`).replaceChildren(
      ...shown.map((text, index) => element("li", { id: `${table.id}-remark-${index + 1}` }, text)));
  };

  const show = () => {
    for (const [name, select] of Object.entries(control)) select.value = state[name];
    for (const part of document.querySelectorAll("[data-axis]")) part.hidden = part.dataset.axis !== state.metric;
    const title = control.anchor.selectedOptions[0].textContent;
    for (const name of document.querySelectorAll("[data-anchor-title]")) name.textContent = title;
    document.querySelectorAll("table[data-rates]").forEach(draw);
  };

  // ---- the address ------------------------------------------------------------------------------------------------

  const remember = () => {
    const kept = new URLSearchParams({ dataset, metric: state.metric, anchor: state.anchor });
    if (state.codecs) kept.set("codecs", state.codecs.join(","));
    history.replaceState(null, "", `#${kept}`);
  };

  const tell = (detail) => document.dispatchEvent(new CustomEvent("view", { detail }));

  /** Apply the state in the address, on the page of its image set. */
  const follow = () => {
    if (!location.hash.includes("=")) return;
    const wanted = new URLSearchParams(location.hash.slice(1));
    const elsewhere = wanted.has("dataset") && wanted.get("dataset") !== dataset;
    const link = elsewhere && [...document.querySelectorAll("nav.pages a[data-dataset]")]
      .find((one) => one.dataset.dataset === wanted.get("dataset"));
    if (link) {
      location.replace(link.href + location.hash);
      return;
    }
    const detail = Object.fromEntries(["metric", "anchor"].filter((key) => wanted.has(key)).map((key) => [key, wanted.get(key)]));
    if (wanted.has("codecs")) detail.codecs = wanted.get("codecs").split(",").filter(Boolean);
    tell(detail);
  };

  const isKnown = { metric: (name) => name in tables, anchor: (name) => name in tables[state.metric], codecs: Array.isArray };

  document.addEventListener("view", ({ detail }) => {
    const before = JSON.stringify(state);
    for (const [key, value] of Object.entries(detail)) {
      if (isKnown[key]?.(value)) state[key] = value;
    }
    if (JSON.stringify(state) === before) return;
    show();
    remember();
  });

  for (const [name, select] of Object.entries(control)) {
    select.addEventListener("change", () => tell({ [name]: select.value }));
  }
  document.querySelectorAll("[data-script]").forEach((part) => { part.hidden = false; });
  show();
  addEventListener("hashchange", follow);
  addEventListener("DOMContentLoaded", follow);
})();
