// Interactive figures, drawn with plotly from the JSON of bench/report/explorer.py.
// plotly.js is loaded when the section opens. No data are sent.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const root = byId("explorer");
  const source = byId("numbers");
  if (!root || !source) return;

  const data = JSON.parse(source.textContent);
  const chart = byId("chart");
  const control = Object.fromEntries(["view", "metric", "anchor", "time", "scale"].map((id) => [id, byId(id)]));
  const curves = new Map(data.curves.map((curve) => [curve.name, curve]));
  const shown = new Set(data.chosen);

  const RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];
  const VIEWS = [
    ["rd", "quality over rate"],
    ["difference", "rate savings by quality"],
    ["images", "BD-rate per picture"],
    ["times", "BD-rate over time"],
  ];

  const colour = (role) => getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim();
  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const notes = (one) => data.notes[one.notes];
  const filled = (value) => Boolean(value) && Object.values(value).some((part) => Object.keys(part).length > 0);

  // ---- the selected figure ------------------------------------------------------------------------------------------

  /** Description with the visible curves only; rows without a visible curve are omitted. */
  const figure = () => {
    const { view, metric, anchor, time } = control;
    let found = data.figures[view.value][metric.value];
    if (view.value !== "rd") found = found?.[anchor.value];
    if (view.value === "times") found = found?.[time.value];
    if (!found) return { name: view.value, x: { label: "" }, y: { label: "" }, series: [] };
    const series = found.series.filter(({ curve }) => !curve || shown.has(curve));
    return found.y.rows ? packed(found, series) : { ...found, series };
  };

  const packed = (found, series) => {
    const places = [...new Set(series.flatMap(({ y }) => y.filter((value) => value !== null).map(Math.round)))].sort((a, b) => a - b);
    const place = (value) => value === null ? null : value - Math.round(value) + places.indexOf(Math.round(value));
    return {
      ...found,
      y: { ...found.y, rows: places.map((row) => found.y.rows[row]), limits: [-0.6, places.length - 0.4] },
      series: series.map((one) => ({ ...one, y: one.y.map(place) })),
    };
  };

  const places = ({ x, x0, dx, y }) => x ?? y.map((_, index) => x0 + index * dx);

  // ---- plotly ---------------------------------------------------------------------------------------------------------

  const trace = (one, { x, y }) => {
    const curve = curves.get(one.curve);
    const { colour: role, dash, width, symbol } = one.look ?? curve;
    const number = (axis, scale) => `${escape(scale.label)}: %{${axis}:${scale.percent ? "+.1f} %" : ".4g}"}`;
    const more = [curve?.settings, curve?.version].filter(Boolean).map(escape);
    const values = [number("x", x), ...(y.rows ? [] : [number("y", y)])];
    return {
      meta: one.curve ?? "",
      name: escape(curve?.title ?? ""),
      x: places(one),
      y: one.y,
      mode: one.mode,
      opacity: one.faded ? 0.35 : 1,
      line: { color: colour(role), dash, width: width * 1.2 },
      marker: {
        color: colour(role), symbol, size: one.mode === "markers" ? 10 : 8,
        maxdisplayed: one.every ? Math.ceil(one.y.length / one.every) : 0,
      },
      text: notes(one)?.map(escape),
      hovertemplate: [`<b>${escape(curve?.title ?? "")}</b>`, ...(notes(one) ? ["%{text}"] : []), ...values, ...more].join("<br>") + "<extra></extra>",
      ...(curve ? {} : { hoverinfo: "skip", hovertemplate: undefined }),
    };
  };

  const scaled = (scale, narrow) => {
    const log = scale.log && (control.view.value !== "rd" || control.scale.value === "log");
    const limits = scale.limits && (log ? scale.limits.map(Math.log10) : scale.log ? [0, scale.limits[1]] : [...scale.limits]);
    if (scale.descending) limits?.reverse();
    const label = escape(scale.label);
    return {
      title: { text: narrow && label.length > 34 ? label.replace(/^(.{12,30}?) (against|to|relative) /, "$1<br>$2 ") : label, standoff: 8 },
      type: log ? "log" : "linear",
      range: limits,
      autorange: limits ? false : scale.descending ? "reversed" : true,
      gridcolor: colour("rule"), zerolinecolor: colour("muted"), linecolor: colour("muted"),
      zeroline: Boolean(scale.zero), automargin: true, tickangle: 0,
      ...(log && control.view.value === "rd" ? { tickvals: RATES } : {}),
      ...(scale.percent ? { ticksuffix: " %", nticks: narrow ? 5 : 9 } : {}),
      ...(scale.rows ? { tickvals: scale.rows.map((_, row) => row), ticktext: scale.rows.map(escape), showgrid: false } : {}),
    };
  };

  const draw = () => {
    if (typeof Plotly === "undefined") return;
    const drawn = figure();
    const narrow = chart.clientWidth < 500;
    const font = { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 13, color: colour("ink") };
    const layout = {
      height: drawn.y.rows ? Math.max(240, 90 + 40 * drawn.y.rows.length) : 520,
      margin: { l: 62, r: 16, t: 14, b: 54 },
      paper_bgcolor: colour("paper"),
      plot_bgcolor: colour("paper"),
      showlegend: false,
      hovermode: "closest",
      hoverlabel: { bgcolor: colour("paper"), bordercolor: colour("muted"), font, align: "left" },
      font,
      xaxis: scaled(drawn.x, narrow),
      yaxis: scaled(drawn.y, narrow),
    };
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    return Plotly.react(chart, drawn.series.map((one) => trace(one, drawn)), layout, {
      responsive: true, displayModeBar: still ? false : "hover", displaylogo: false,
      // No data leave the page: no cloud service, and only these buttons.
      showSendToCloud: false, plotlyServerURL: "",
      modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    });
  };

  // ---- files ----------------------------------------------------------------------------------------------------------

  const save = (text, suffix) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = `${figure().name}.${suffix}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
  };

  const picture = (format) => Plotly.downloadImage(chart, {
    format, filename: figure().name, width: chart.clientWidth, height: chart.clientHeight, scale: format === "png" ? 3 : 1,
  });

  const csv = () => {
    const { x, y, series } = figure();
    const cell = (value) => /[",\n]/.test(value) ? `"${String(value).replace(/"/g, '""')}"` : value;
    const rows = series.filter(({ curve }) => curve).flatMap((one) => places(one).map((value, index) =>
      [one.curve, curves.get(one.curve).title, notes(one)?.[index] ?? "", value, y.rows?.[Math.round(one.y[index])] ?? one.y[index]]));
    return [["curve", "title", "note", x.label, y.label || "row"], ...rows.filter((row) => row[3] !== null)]
      .map((row) => row.map(cell).join(",")).join("\n") + "\n";
  };

  /** As in bench/report/pgfplots.py, but with the default colours and markers of pgfplots. */
  const latex = () => {
    const { x, y, series } = figure();
    const plain = (text) => text.replace(/[&%$#_{}]/g, "\\$&");
    const options = [["x", x], ["y", y]].flatMap(([name, scale]) => [
      `${name}label={${plain(scale.label)}}`,
      ...(scale.log ? [`${name}mode=log, log ticks with fixed point`] : []),
      ...(scale.limits ? [`${name}min=${scale.limits[0]}, ${name}max=${scale.limits[1]}`] : []),
      ...(scale.descending ? [`${name} dir=reverse`] : []),
      ...(scale.rows ? [`${name}tick={${scale.rows.map((_, row) => row)}}, ${name}ticklabels={${scale.rows.map((row) => `{${plain(row)}}`)}}`] : []),
    ]);
    const plots = series.filter(({ curve }) => curve).map((one) => [
      `\\addplot+[${one.mode === "markers" ? "only marks" : one.mode === "lines" ? "no marks, forget plot" : `mark repeat=${one.every ?? 1}`}]`,
      `  coordinates {${places(one).map((value, index) => `(${value ?? "nan"},${one.y[index] ?? "nan"})`).join(" ")}};`,
      ...(one.mode === "lines" ? [] : [`\\addlegendentry{${plain(curves.get(one.curve).title)}}`]),
    ].join("\n"));
    return ["% Needs \\usepackage{pgfplots}; use it by \\input.", "\\begin{tikzpicture}",
      `\\begin{axis}[${options.join(", ")}, unbounded coords=jump, legend style={at={(0.5,-0.25)}, anchor=north}, legend columns=2]`,
      ...plots, "\\end{axis}", "\\end{tikzpicture}", ""].join("\n");
  };

  // ---- controls -------------------------------------------------------------------------------------------------------

  const refresh = () => {
    const view = control.view.value;
    byId("anchor-control").hidden = view === "rd";
    byId("time-control").hidden = view !== "times";
    byId("scale-control").hidden = view !== "rd";
    const drawable = new Set(data.figures.rd[control.metric.value]?.series.map(({ curve }) => curve));
    for (const button of byId("toggles").querySelectorAll("[data-curve]")) {
      button.setAttribute("aria-pressed", String(shown.has(button.dataset.curve)));
      button.hidden = !drawable.has(button.dataset.curve) || (view !== "rd" && view !== "difference" && !curves.get(button.dataset.curve).measured);
    }
    draw();
  };

  /** Redraw, and announce the view, on which tables and the address depend (static/view.js). */
  const changed = () => {
    refresh();
    const detail = { metric: control.metric.value, anchor: control.anchor.value, codecs: [...shown] };
    document.dispatchEvent(new CustomEvent("view", { detail }));
  };

  document.addEventListener("view", ({ detail }) => {
    let differs = false;
    for (const name of ["metric", "anchor"]) {
      const known = [...control[name].options].some(({ value }) => value === detail[name]);
      if (known && control[name].value !== detail[name]) { control[name].value = detail[name]; differs = true; }
    }
    if (detail.codecs && String([...detail.codecs].sort()) !== String([...shown].sort())) {
      shown.clear();
      detail.codecs.forEach((name) => shown.add(name));
      differs = true;
    }
    if (differs) refresh();
  });

  const fill = (select, options) => select.append(...options.map(([value, text]) => new Option(text, value)));

  fill(control.view, VIEWS.filter(([view]) => filled(data.figures[view])));
  fill(control.metric, data.metrics.map(({ name, title }) => [name, title]));
  fill(control.anchor, data.anchors.map(({ name, title }) => [name, title]));
  fill(control.time, data.times.map(({ name, title }) => [name, title]));
  for (const element of Object.values(control)) element.addEventListener("change", changed);
  for (const button of byId("toggles").querySelectorAll("[data-curve]")) {
    button.addEventListener("click", () => {
      if (!shown.delete(button.dataset.curve)) shown.add(button.dataset.curve);
      changed();
    });
  }
  const choices = { all: [...curves.keys()], none: [], "first choice": data.chosen };
  for (const button of byId("toggles").querySelectorAll("[data-choice]")) {
    button.addEventListener("click", () => {
      shown.clear();
      choices[button.dataset.choice].forEach((name) => shown.add(name));
      changed();
    });
  }
  const files = { svg: () => picture("svg"), png: () => picture("png"), csv: () => save(csv(), "csv"), latex: () => save(latex(), "tex") };
  for (const button of byId("chart-files").querySelectorAll("button")) button.addEventListener("click", files[button.dataset.form]);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  const start = () => {
    if (typeof Plotly !== "undefined") return draw();
    const script = document.createElement("script");
    script.src = root.dataset.library;
    script.addEventListener("load", draw);
    document.head.append(script);
  };
  const folded = root.closest("details:not([open])");
  if (folded) folded.addEventListener("toggle", start, { once: true });
  root.hidden = false;
  refresh();
  if (!folded) start();
})();
