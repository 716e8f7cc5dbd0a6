// The interactive figures: curves, rate saved against an anchor, pictures one by one, time against rate.
// Numbers come from the page's own JSON (bench/report/explorer.py); plotly.js draws them.
"use strict";

(() => {
  const root = document.getElementById("explorer");
  const source = document.getElementById("numbers");
  if (!root || !source || typeof Plotly === "undefined") return;

  const data = JSON.parse(source.textContent);
  const byId = (id) => document.getElementById(id);
  const chart = byId("chart");
  // The settings of one codec would hide each other: at first its first one is shown.
  const hidden = new Set(data.curves.filter(({ leading }) => !leading).map(({ name }) => name));
  const control = {
    view: byId("view"), metric: byId("metric"), anchor: byId("anchor"),
    time: byId("time"), scale: byId("scale"), published: byId("published"),
  };

  const NAMED = 10;
  const RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];
  const VIEWS = [
    ["rd", "quality over rate"],
    ["difference", "rate saved, by quality"],
    ["images", "BD-rate, picture by picture"],
    ["times", "BD-rate over time"],
  ];
  const has = {
    rd: true,
    difference: Object.keys(data.differences).length > 0,
    images: Object.keys(data.perImage).length > 0 && data.images.length > 1,
    times: data.times.length > 0,
  };

  // ---- colours and text -------------------------------------------------------------------------------------------

  const colour = (role) => getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim();
  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const signed = (value, digits) =>
    (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(digits);
  const curves = new Map(data.curves.map((curve) => [curve.name, curve]));
  const title = (name) => curves.get(name)?.title ?? data.anchors.find((anchor) => anchor.name === name)?.title ?? name;

  const isShown = (name) => {
    const curve = curves.get(name);
    if (!curve || hidden.has(name)) return false;
    return curve.measured || control.published?.checked !== false;
  };

  const styled = (curve) => ({
    name: escape(curve.title),
    meta: curve.name,
    line: { color: colour(curve.colour), dash: curve.dash, width: curve.width * 1.2 },
    marker: { color: colour(curve.colour), symbol: curve.symbol, size: curve.measured ? 8 : 7, maxdisplayed: curve.measured ? 0 : 9 },
  });

  // ---- the figures ------------------------------------------------------------------------------------------------

  const axis = () => data.axes.find(({ name }) => name === control.metric.value);

  /** Quality over rate. A metric of which less is better is stored as its negative; it is labelled as itself. */
  const rateAndQuality = () => {
    const { name, sign, unit, label, window } = axis();
    const traces = data.curves.filter((curve) => isShown(curve.name) && curve.points[name]?.length).map((curve) => ({
      ...styled(curve),
      mode: "lines+markers",
      x: curve.points[name].map((point) => point[0]),
      y: curve.points[name].map((point) => sign * point[1]),
      text: curve.points[name].map((point) => [
        `<b>${escape(curve.title)}</b>`,
        `${point[0].toPrecision(4)} bpp, ${(sign * point[1]).toPrecision(5)} ${escape(unit)}`,
        ...(point.length > 2 ? [`quality ${point[2]}`] : []),
        ...(curve.settings ? [escape(curve.settings)] : []),
        escape(curve.version),
      ].join("<br>")),
      hovertemplate: "%{text}<extra></extra>",
    }));
    const log = control.scale.value === "log";
    // Without a measured curve on this axis there is no window, and plotly chooses one.
    const range = window && (log ? window.rates.map(Math.log10) : [0, window.rates[1]]);
    return {
      traces,
      layout: {
        xaxis: { title: { text: "rate, bits per pixel" }, type: control.scale.value, range, ...(log && { tickvals: RATES }) },
        yaxis: { title: { text: escape(label) }, range: window?.qualities.map((quality) => sign * quality) },
      },
    };
  };

  const rateSaved = () => {
    const { name, label } = axis();
    const found = data.differences[name]?.[control.anchor.value] ?? {};
    const traces = Object.entries(found).filter(([test]) => isShown(test)).map(([test, line]) => {
      const step = (line.to - line.from) / (line.percent.length - 1);
      return {
        ...styled(curves.get(test)),
        mode: "lines",
        x: line.percent.map((_, index) => line.from + index * step),
        y: line.percent,
        hovertemplate: `<b>${escape(title(test))}</b><br>at %{x:.2f}: %{y:+.1f} %<extra></extra>`,
      };
    });
    return {
      traces,
      layout: {
        xaxis: { title: { text: `at equal ${escape(label)}` } },
        yaxis: { title: { text: `rate relative to ${escape(title(control.anchor.value))}` }, ticksuffix: " %" },
      },
    };
  };

  const pictureByPicture = () => {
    const { name } = axis();
    const narrow = chart.clientWidth < 500; // names take half of it: they and the title are in two lines
    const size = narrow ? 11 : 13;
    const label = (test) => escape(title(test)).replace(" [", narrow ? "<br>[" : " [");
    const found = data.perImage[name]?.[control.anchor.value] ?? {};
    const means = data.rates[name]?.[control.anchor.value] ?? {};
    const tests = Object.keys(found).filter(isShown);
    const traces = tests.map((test) => ({
      ...styled(curves.get(test)),
      type: "box",
      orientation: "h",
      boxpoints: "all",
      jitter: 0.5,
      pointpos: 0,
      fillcolor: "rgba(0,0,0,0)",
      x: found[test],
      y: found[test].map(() => label(test)),
      text: data.images.map(escape),
      hoveron: "points",
      hovertemplate: "%{text}: %{x:+.1f} %<extra></extra>",
      marker: { ...styled(curves.get(test)).marker, size: 6, opacity: 0.65 },
    }));
    traces.push({
      name: "mean curve",
      mode: "markers",
      x: tests.map((test) => means[test]),
      y: tests.map(label),
      marker: { symbol: "line-ns-open", size: 18, line: { width: 3, color: colour("ink") }, color: colour("ink") },
      hovertemplate: "mean curve: %{x:+.1f} %<extra></extra>",
    });
    return {
      traces,
      layout: {
        height: Math.max(320, 60 + 46 * tests.length),
        xaxis: {
          title: { text: ["BD-rate against", escape(title(control.anchor.value))].join(narrow ? "<br>" : " "), font: { size }, standoff: 8 },
          ticksuffix: " %", nticks: narrow ? 4 : 9, tickangle: 0,
        },
        yaxis: { autorange: "reversed", automargin: true, tickfont: { size } },
      },
    };
  };

  const timeAndRate = () => {
    const { name, title: metric } = axis();
    const entry = data.times[Number(control.time.value)];
    const rates = { ...data.rates[name]?.[control.anchor.value], [control.anchor.value]: 0 };
    const front = entry.front[name]?.[control.anchor.value] ?? {};
    const tests = Object.keys(entry.seconds).filter((test) => isShown(test) && Number.isFinite(rates[test]));
    const point = (test) => ({ x: entry.seconds[test] * 1e3, y: rates[test] });
    const traces = tests.map((test) => ({
      ...styled(curves.get(test)),
      // More names than these would lie on each other; pointing at a point tells its codec.
      mode: tests.length > NAMED ? "markers" : "markers+text",
      x: [point(test).x],
      y: [point(test).y],
      text: [escape(title(test))],
      textposition: "top center",
      textfont: { size: 11, color: colour("muted") },
      cliponaxis: false,
      marker: { ...styled(curves.get(test)).marker, size: 11 },
      hovertemplate: `<b>${escape(title(test))}</b><br>%{x:.3g} ms, %{y:+.1f} %<extra></extra>`,
    }));
    const best = tests.filter((test) => front[test]).map(point).sort((a, b) => a.x - b.x);
    traces.unshift({
      name: "front", mode: "lines", x: best.map(({ x }) => x), y: best.map(({ y }) => y),
      line: { shape: "hv", color: colour("muted"), width: 1 }, hoverinfo: "skip",
    });
    return {
      traces,
      layout: {
        xaxis: { title: { text: `milliseconds, ${entry.stage}` }, type: "log" },
        yaxis: {
          title: { text: `BD-rate over ${escape(metric)} against ${escape(title(control.anchor.value))}` },
          ticksuffix: " %",
        },
      },
    };
  };

  const FIGURES = { rd: rateAndQuality, difference: rateSaved, images: pictureByPicture, times: timeAndRate };

  // ---- drawing ----------------------------------------------------------------------------------------------------

  const merged = (base, over) => ({ ...base, ...over, title: { ...base.title, ...over?.title } });

  const draw = () => {
    const { traces, layout } = FIGURES[control.view.value]();
    const line = { gridcolor: colour("rule"), zerolinecolor: colour("muted"), linecolor: colour("muted"), automargin: true };
    const font = { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("ink") };
    const whole = {
      height: 520,
      margin: { l: 62, r: 16, t: 14, b: 54 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      showlegend: false,
      hovermode: "closest",
      hoverlabel: { bgcolor: colour("paper"), bordercolor: colour("muted"), font, align: "left" },
      font,
      ...layout,
      xaxis: merged(line, layout.xaxis),
      yaxis: merged(line, layout.yaxis),
    };
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    return Plotly.react(chart, traces, whole, {
      responsive: true, displaylogo: false, displayModeBar: still ? false : "hover",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    });
  };

  const refresh = () => {
    const view = control.view.value;
    byId("anchor-control").hidden = view === "rd";
    byId("time-control").hidden = view !== "times";
    byId("scale-control").hidden = view !== "rd";
    const withPublished = view === "rd" || view === "difference";
    if (control.published) byId("published-control").hidden = !withPublished;
    for (const button of byId("toggles").querySelectorAll("[data-curve]")) {
      const curve = curves.get(button.dataset.curve);
      button.setAttribute("aria-pressed", String(!hidden.has(curve.name)));
      button.hidden = !curve.measured && (control.published?.checked === false || !withPublished);
    }
    draw();
  };

  // ---- controls ---------------------------------------------------------------------------------------------------

  const option = (value, text) => {
    const element = document.createElement("option");
    element.value = value;
    element.textContent = text;
    return element;
  };

  /** The line and marker of the static figures' legend. */
  const swatches = new Map([...document.querySelectorAll(".legend [data-curve]")].map((entry) =>
    [entry.dataset.curve, entry.querySelector(".swatch")]));
  const swatch = ({ name }) => swatches.get(name)?.cloneNode(true) ?? "";

  const button = (text, act) => {
    const element = document.createElement("button");
    element.type = "button";
    element.textContent = text;
    element.addEventListener("click", act);
    return element;
  };

  control.view.append(...VIEWS.filter(([view]) => has[view]).map(([view, text]) => option(view, text)));
  control.metric.append(...data.axes.map(({ name, label }) => option(name, label)));
  control.anchor.append(...data.anchors.map(({ name, title: text }) => option(name, text)));
  control.time.append(...data.times.map(({ stage, where }, index) => option(index, `${stage}: ${where}`)));
  for (const curve of data.curves) {
    const toggle = button("", () => {
      if (!hidden.delete(curve.name)) hidden.add(curve.name);
      refresh();
    });
    toggle.dataset.curve = curve.name;
    toggle.append(swatch(curve), curve.title);
    byId("toggles").append(toggle);
  }
  byId("toggles").append(
    button("all", () => { hidden.clear(); refresh(); }),
    button("none", () => { data.curves.forEach(({ name }) => hidden.add(name)); refresh(); }),
  );
  for (const element of Object.values(control)) element?.addEventListener("change", refresh);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);

  root.hidden = false;
  document.querySelectorAll("details.static").forEach((part) => { part.open = false; });
  refresh();
})();
