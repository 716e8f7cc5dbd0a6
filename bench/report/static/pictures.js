// Two decoded pictures at similar rates: side by side, with a slider, or their difference. They move together.
// Pictures are loaded when they are selected.
"use strict";

(() => {
  const root = document.getElementById("viewer");
  const source = document.getElementById("sets");
  if (!root || !source) return;

  const sets = JSON.parse(source.textContent);
  const byId = (id) => document.getElementById(id);
  const control = Object.fromEntries(["image", "rate", "left", "right", "mode", "zoom", "slider"].map((id) => [id, byId(id)]));
  const stage = byId("stage");
  const ORIGINAL = "";
  /** Viewport: sample in the middle, and CSS pixels per sample; null fits the picture to the pane. */
  const look = { x: 0, y: 0, zoom: null };

  const fill = (select, options, wanted) => {
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    if (options.some(([value]) => value === wanted)) select.value = wanted;
  };

  const currentSet = () => sets.find(({ image }) => image === control.image.value);
  const currentTarget = () => currentSet().targets.find(({ rate }) => rate === control.rate.value);
  const chosen = (side) => currentTarget().entries.find(({ name }) => name === control[side].value)
    ?? { title: "Original", file: currentSet().original };

  // ---- the selection --------------------------------------------------------------------------------------------------

  const chooseImage = () => {
    const set = currentSet();
    Object.assign(look, { x: set.width / 2, y: set.height / 2 });
    // The middle target rate, where codecs differ visibly.
    const rates = set.targets.map(({ rate }) => rate);
    fill(control.rate, rates.map((rate) => [rate, rate]), control.rate.value || rates[rates.length >> 1]);
    chooseRate();
  };

  const chooseRate = () => {
    const { entries, pair } = currentTarget();
    const options = [[ORIGINAL, "Original"], ...entries.map(({ name, title }) => [name, title])];
    ["left", "right"].forEach((side, index) => {
      const kept = options.some(([name]) => name === control[side].value) && control[side].options.length > 0;
      fill(control[side], options, kept ? control[side].value : pair[index]);
    });
    show();
  };

  const show = () => {
    const both = { left: chosen("left"), right: chosen("right") };
    for (const [side, entry] of Object.entries(both)) {
      for (const image of stage.querySelectorAll(`img[data-side="${side}"]`)) {
        if (image.getAttribute("src") !== entry.file) image.src = entry.file;
        image.alt = `${control.image.value}: ${entry.title}`;
      }
      byId(`${side}-label`).textContent = label(side, entry, both);
    }
    place();
  };

  const label = (side, entry, { left, right }) => {
    const name = `${side === "left" ? "Left" : "Right"}: ${entry.title}`;
    if (!entry.bpp) return name;
    const compared = side === "right" && left.bpp
      ? ` (${signed(100 * (right.bpp / left.bpp - 1), 1)} % rate, ${signed(right.psnr - left.psnr, 2)} dB)` : "";
    return `${name}, quality ${entry.quality}: ${entry.bpp} bpp, ${entry.psnr} dB${compared}`;
  };

  const signed = (value, digits) => (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(digits);

  // ---- the viewport ---------------------------------------------------------------------------------------------------

  const panes = () => [...stage.querySelectorAll(".pane")].filter((pane) => pane.offsetParent);
  const fitting = (pane) => Math.min(pane.clientWidth / currentSet().width, pane.clientHeight / currentSet().height, 1);
  const zoom = (pane) => look.zoom ?? fitting(pane);

  const place = () => {
    const { width, height } = currentSet();
    const mode = control.mode.value;
    stage.className = `stage ${mode}`;
    stage.style.setProperty("--aspect", `${width} / ${height}`);
    byId("wipe").hidden = mode !== "slider";
    stage.style.setProperty("--share", `${control.slider.value}%`);
    control.zoom.value = look.zoom === null ? "fit" : String(look.zoom * devicePixelRatio);
    for (const pane of panes()) {
      const scale = zoom(pane);
      // The picture covers its pane as far as possible.
      for (const [axis, size, room] of [["x", width, pane.clientWidth], ["y", height, pane.clientHeight]]) {
        const half = Math.min(room / 2 / scale, size / 2);
        look[axis] = Math.min(Math.max(look[axis], half), size - half);
      }
      for (const image of pane.querySelectorAll("img")) {
        image.style.width = `${width}px`;
        image.style.height = `${height}px`;
        image.style.transform = `translate(${pane.clientWidth / 2 - look.x * scale}px, ${pane.clientHeight / 2 - look.y * scale}px) scale(${scale})`;
      }
    }
    stage.classList.toggle("magnified", look.zoom !== null && look.zoom * devicePixelRatio >= 1);
  };

  const steps = [...control.zoom.options].map(({ value }) => value).filter((value) => value !== "fit").map(Number);
  const zoomBy = (direction) => {
    const now = (look.zoom ?? fitting(panes()[0])) * devicePixelRatio;
    const next = direction > 0 ? steps.find((step) => step > now + 1e-6) ?? steps.at(-1) : steps.findLast((step) => step < now - 1e-6);
    look.zoom = next ? next / devicePixelRatio : null;
    place();
  };
  const pan = (x, y) => {
    look.x += x / zoom(panes()[0]);
    look.y += y / zoom(panes()[0]);
    place();
  };

  // ---- controls -------------------------------------------------------------------------------------------------------

  const KEYS = {
    ArrowLeft: () => pan(-60, 0), ArrowRight: () => pan(60, 0), ArrowUp: () => pan(0, -60), ArrowDown: () => pan(0, 60),
    "+": () => zoomBy(1), "=": () => zoomBy(1), "-": () => zoomBy(-1),
    0: () => { look.zoom = null; place(); },
    d: () => { control.mode.value = control.mode.value === "difference" ? "both" : "difference"; place(); },
    x: () => { [control.left.value, control.right.value] = [control.right.value, control.left.value]; show(); },
  };
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  stage.addEventListener("pointermove", (event) => {
    if (event.buttons === 1) pan(-event.movementX, -event.movementY);
  });
  stage.addEventListener("dblclick", () => zoomBy(1));
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // without the key, the page scrolls, as usual in browsers
    event.preventDefault();
    zoomBy(-Math.sign(event.deltaY));
  }, { passive: false });

  fill(control.image, sets.map(({ image }) => [image, image]));
  control.image.addEventListener("change", chooseImage);
  control.rate.addEventListener("change", chooseRate);
  for (const side of ["left", "right"]) control[side].addEventListener("change", show);
  control.mode.addEventListener("change", place);
  control.slider.addEventListener("input", place);
  control.zoom.addEventListener("change", () => {
    look.zoom = control.zoom.value === "fit" ? null : control.zoom.value / devicePixelRatio;
    place();
  });
  addEventListener("resize", place);
  addEventListener("beforeprint", place);

  root.hidden = false;
  chooseImage();
})();
